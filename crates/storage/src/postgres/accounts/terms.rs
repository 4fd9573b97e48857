//! The words that users are found by, in PostgreSQL.

use accounts::search::terms;
use accounts::store::UserSearch;
use deadpool_postgres::GenericClient;
use protocol::UserId;
use tokio_postgres::types::ToSql;

use super::steps::{Parameters, Result, bytes, execute, query};
use crate::accounts::{range, reach};

/// Makes a user's words anew, after anything that they follow from has changed in this transaction.
pub(super) async fn write_terms(client: &impl GenericClient, user: UserId) -> Result<()> {
    let user = bytes(user.as_bytes());
    // Whoever writes a user's words holds the user.
    let sql = "SELECT username, name, state, findable_by_name FROM users WHERE id = $1 FOR UPDATE";
    let Some(now) = query(client, sql, &[&user]).await?.pop() else { return Ok(()) };
    execute(client, "DELETE FROM user_terms WHERE user_id = $1", &[&user]).await?;
    let (username, name): (Option<&str>, &str) = (now.try_get(0)?, now.try_get(1)?);
    let (state, findable): (&str, bool) = (now.try_get(2)?, now.try_get(3)?);
    if state == "active" || state == "suspended" {
        let (words, reaches): (Vec<_>, Vec<_>) = terms(username, name, state == "active", findable)
            .into_iter()
            .map(|(word, far)| (word, reach(far)))
            .unzip();
        let sql = "INSERT INTO user_terms (term, user_id, reach) \
                   SELECT term, $2, reach FROM UNNEST($1::TEXT[], $3::BIGINT[]) AS made (term, reach)";
        let parameters: Parameters<'_> = &[&words, &user, &reaches];
        execute(client, sql, parameters).await?;
    }
    execute(client, "UPDATE users SET terms_made = 2 WHERE id = $1", &[&user]).await?;
    Ok(())
}

/// The values of a query's parameters.
#[derive(Default)]
pub(super) struct Values(Vec<Box<dyn ToSql + Sync + Send>>);

impl Values {
    /// Adds a value; answers how the query calls it.
    pub(super) fn bind(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.0.push(Box::new(value));
        format!("${}", self.0.len())
    }

    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.0.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }
}

/// The conditions, order and bound of a search among `found` (user_terms) and `users`, and the values of their
/// parameters. With `public`, of words that lead whoever asks to the user; else of all.
pub(super) fn matching(search: &UserSearch, public: bool) -> (String, Values) {
    let mut values = Values::default();
    let first = search.words.first().map(String::as_str).unwrap_or_default();
    let (low, high) = range(first);
    let (low, high) = (values.bind(low), values.bind(high));
    let leads = |word: &str, low: &str| match public {
        true => format!("({word}.reach = 2 OR ({word}.reach = 1 AND {word}.term = {low}))"),
        false => "TRUE".to_owned(),
    };
    let mut sql = format!("found.term >= {low} AND found.term < {high} AND {}", leads("found", &low));
    // A user stands where their first fitting word does, once.
    let earlier =
        format!("earlier.term >= {low} AND earlier.term < found.term AND {}", leads("earlier", &low));
    let earlier =
        format!("SELECT 1 FROM user_terms AS earlier WHERE earlier.user_id = found.user_id AND {earlier}");
    if search.username {
        sql.push_str(" AND found.term = users.username COLLATE \"C\"");
    } else {
        sql.push_str(&format!(" AND NOT EXISTS ({earlier})"));
    }
    for word in search.words.iter().skip(1) {
        let (low, high) = range(word);
        let (low, high) = (values.bind(low), values.bind(high));
        let other = format!("other.term >= {low} AND other.term < {high} AND {}", leads("other", &low));
        sql.push_str(&format!(
            " AND EXISTS (SELECT 1 FROM user_terms AS other WHERE other.user_id = found.user_id AND {other})"
        ));
    }
    if let Some((term, user)) = &search.after {
        let (term, user) = (values.bind(term.clone()), values.bind(user.as_bytes().to_vec()));
        sql.push_str(&format!(
            " AND found.term >= {term} AND (found.term, found.user_id) > ({term}, {user})"
        ));
    }
    let limit = values.bind(i64::from(search.limit));
    sql.push_str(&format!(" ORDER BY found.term, found.user_id LIMIT {limit}"));
    (sql, values)
}
