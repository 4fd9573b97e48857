//! The words that users are found by, in SQLite.

use accounts::search::terms;
use accounts::store::UserSearch;
use protocol::UserId;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Result, Transaction, params};

use crate::accounts::{range, reach};

/// Makes a user's words anew, after anything that they follow from has changed.
pub(super) fn write_terms(transaction: &Transaction<'_>, user: UserId) -> Result<()> {
    transaction.prepare_cached("DELETE FROM user_terms WHERE user_id = ?1")?.execute([user.as_bytes()])?;
    let now = transaction
        .prepare_cached("SELECT username, name, state, findable_by_name FROM users WHERE id = ?1")?
        .query_row([user.as_bytes()], |row| {
            Ok((
                row.get::<_, Option<String>>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get(3)?,
            ))
        })
        .optional()?;
    let Some((username, name, state, findable)) = now else { return Ok(()) };
    if state == "active" || state == "suspended" {
        let mut insert = transaction
            .prepare_cached("INSERT INTO user_terms (term, user_id, reach) VALUES (?1, ?2, ?3)")?;
        for (term, far) in terms(username.as_deref(), &name, state == "active", findable) {
            insert.execute(params![term, user.as_bytes(), reach(far)])?;
        }
    }
    transaction
        .prepare_cached("UPDATE users SET terms_made = 2 WHERE id = ?1")?
        .execute([user.as_bytes()])?;
    Ok(())
}

/// The conditions, order and bound of a search among `found` (user_terms) and `users`, and the values of their
/// parameters. With `public`, of words that lead whoever asks to the user; else of all.
pub(super) fn matching(search: &UserSearch, public: bool) -> (String, Vec<Value>) {
    let mut values = Vec::new();
    let mut bind = |value: Value| {
        values.push(value);
        format!("?{}", values.len())
    };
    let first = search.words.first().map(String::as_str).unwrap_or_default();
    let (low, high) = range(first);
    let (low, high) = (bind(low.into()), bind(high.into()));
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
        sql.push_str(" AND found.term = users.username");
    } else {
        sql.push_str(&format!(" AND NOT EXISTS ({earlier})"));
    }
    for word in search.words.iter().skip(1) {
        let (low, high) = range(word);
        let (low, high) = (bind(low.into()), bind(high.into()));
        let other = format!("other.term >= {low} AND other.term < {high} AND {}", leads("other", &low));
        sql.push_str(&format!(
            " AND EXISTS (SELECT 1 FROM user_terms AS other WHERE other.user_id = found.user_id AND {other})"
        ));
    }
    if let Some((term, user)) = &search.after {
        let (term, user) = (bind(term.clone().into()), bind(user.as_bytes().to_vec().into()));
        sql.push_str(&format!(
            " AND found.term >= {term} AND (found.term, found.user_id) > ({term}, {user})"
        ));
    }
    let limit = bind(i64::from(search.limit).into());
    sql.push_str(&format!(" ORDER BY found.term, found.user_id LIMIT {limit}"));
    (sql, values)
}
