//! Search users by the beginnings of usernames and names, or by a whole address (A7).

use protocol::{UserId, UserInfo, UserPage, UserPageRequest, folded};

use crate::store::{Lookup, Reach, UserSearch};
use crate::{AccountError, Accounts, Address};

/// Words that a search takes.
const SEARCH_WORDS: usize = 4;
/// Words of a name that users are found by; the others are not.
const NAME_WORDS: usize = 16;
/// Characters of a word that are compared.
const WORD_CHARS: usize = 40;
/// A cursor's longest text, in bytes.
const CURSOR_BYTES: usize = 300;

/// The words that lead to a user, and how far each does. The store keeps them.
pub fn terms(
    username: Option<&str>,
    name: &str,
    active: bool,
    findable_by_name: bool,
) -> Vec<(String, Reach)> {
    let by_name = if active && findable_by_name { Reach::Beginning } else { Reach::Administration };
    let by_username = if active { by_name.max(Reach::Whole) } else { by_name };
    let mut terms: Vec<_> = words(name).take(NAME_WORDS).map(|word| (word, by_name)).collect();
    terms.extend(username.map(|username| (username.to_owned(), by_username)));
    // One word may be both.
    terms.sort_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
    terms.dedup_by(|later, first| later.0 == first.0);
    terms
}

/// Words in the one form that is compared.
fn words(text: &str) -> impl Iterator<Item = String> {
    let text = folded(text);
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(|word| word.chars().take(WORD_CHARS).collect()).collect();
    words.into_iter()
}

impl Accounts {
    /// Users whose username or words of whose name begin so, all of the given words; or the one with exactly that email
    /// address or phone number. Those who do not want it are not found so (by their whole username they always are),
    /// nor are those suspended or deleted. `@` before a username leaves out names.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] if there is nothing to search by, [`AccountError::Unavailable`].
    pub async fn search(&self, text: &str, page: &UserPageRequest) -> Result<UserPage, AccountError> {
        let text = text.trim();
        if let Some(address) = address(text)? {
            let found = self.0.store.find(&Lookup::Address(address)).await?;
            return Ok(UserPage { users: found.into_iter().collect(), next: None });
        }
        let most = self.0.policy.page_users;
        let limit = page.limit.unwrap_or(most).clamp(1, most);
        let after = page.after.as_deref().map(read_cursor).transpose()?;
        let (words, username) = search_words(text)?;
        // One more than asked for tells whether there is more.
        let search = UserSearch { words, username, after, limit: limit + 1 };
        let mut found = self.0.store.search(&search).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|(term, user)| cursor(term, user.id));
        Ok(UserPage { users: found.into_iter().map(|(_, user): (_, UserInfo)| user).collect(), next })
    }
}

/// The address, if that is what the text is.
pub(crate) fn address(text: &str) -> Result<Option<Address>, AccountError> {
    if text.starts_with('+') {
        Address::phone(text).map(Some)
    } else if text.strip_prefix('@').unwrap_or(text).contains('@') {
        Address::email(text).map(Some)
    } else {
        Ok(None)
    }
}

/// What to search by, and whether the first is a username.
pub(crate) fn search_words(text: &str) -> Result<(Vec<String>, bool), AccountError> {
    let nothing = || AccountError::invalid("expected something to search for: letters or digits");
    if let Some(username) = text.strip_prefix('@') {
        let username = username.trim().to_ascii_lowercase();
        let fits = !username.is_empty()
            && username.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        return if fits { Ok((vec![username], true)) } else { Err(nothing()) };
    }
    // A username may hold what separates the words of a name.
    let plain = text.to_ascii_lowercase();
    let of_username = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    if plain.bytes().all(of_username)
        && plain.bytes().any(|b| b"_.-".contains(&b))
        && plain.as_bytes()[0].is_ascii_alphanumeric()
    {
        return Ok((vec![plain.chars().take(WORD_CHARS).collect()], false));
    }
    let mut found: Vec<String> = words(text).take(SEARCH_WORDS + 1).collect();
    if found.is_empty() {
        return Err(nothing());
    }
    if found.len() > SEARCH_WORDS {
        return Err(AccountError::Invalid(format!("at most {SEARCH_WORDS} words")));
    }
    // The longest leads: the fewest begin so.
    found.sort_by_key(|word| std::cmp::Reverse(word.len()));
    Ok((found, false))
}

pub(crate) fn cursor(term: &str, user: UserId) -> String {
    format!("{term}/{user}")
}

pub(crate) fn read_cursor(text: &str) -> Result<(String, UserId), AccountError> {
    let parts = text.rsplit_once('/').filter(|_| text.len() <= CURSOR_BYTES && !text.contains('\0'));
    let read = parts.and_then(|(term, user)| Some((term.to_owned(), user.parse().ok()?)));
    read.ok_or_else(|| AccountError::invalid("after: expected `next` of another page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_in_one_form() {
        let of = |username, name| terms(username, name, true, true);
        let all = |words: &[&str]| -> Vec<_> {
            words.iter().map(|word| ((*word).to_owned(), Reach::Beginning)).collect()
        };
        assert_eq!(
            of(Some("al.smith"), "Alice O'Hara-SMITH"),
            all(&["al.smith", "alice", "hara", "o", "smith"])
        );
        assert_eq!(of(Some("alice"), "Alice ALICE"), all(&["alice"]));
        assert_eq!(of(None, "Ärzte 李小龍 🦉"), all(&["arzte", "李小龍"]));
        assert_eq!(of(None, "🦉"), []);
        let long = of(None, &"a ".repeat(50).replace('a', &"b".repeat(60)));
        assert_eq!(long, all(&[&"b".repeat(WORD_CHARS)]));
    }

    #[test]
    fn who_is_not_to_be_found_by_name_is_found_by_the_whole_username() {
        let hidden = terms(Some("alice"), "Alice Smith", true, false);
        assert_eq!(hidden, [("alice".to_owned(), Reach::Whole), ("smith".to_owned(), Reach::Administration)]);
        let suspended = terms(Some("alice"), "Al", false, true);
        assert!(suspended.iter().all(|(_, reach)| *reach == Reach::Administration), "{suspended:?}");
    }

    #[test]
    fn what_is_searched_by() {
        let words = |text| search_words(text).unwrap();
        assert_eq!(words("Al Smith"), (vec!["smith".to_owned(), "al".to_owned()], false));
        assert_eq!(words("@Al.Sm"), (vec!["al.sm".to_owned()], true));
        assert_eq!(words("al.sm"), (vec!["al.sm".to_owned()], false));
        assert_eq!(words("O'Hara").0, ["hara", "o"]);
        for nothing in ["", " ", "@", "@ä", "%", "_", "a b c d e"] {
            assert!(search_words(nothing).is_err(), "{nothing:?}");
        }
        let user = UserId::from_bytes([7; 16]);
        assert_eq!(read_cursor(&cursor("al.sm", user)).unwrap(), ("al.sm".to_owned(), user));
        for bad in ["", "al", "al/u_1", "/"] {
            assert!(read_cursor(bad).is_err(), "{bad:?}");
        }
    }
}
