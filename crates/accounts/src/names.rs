//! Usernames, names to show, passwords: what is well-formed.

use crate::AccountError;

const USERNAME_CHARS: std::ops::RangeInclusive<usize> = 3..=32;
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=256;
/// A name to show, or a device's name.
const NAME_MAX_CHARS: usize = 100;

/// The one form of a username that is stored and compared.
pub(crate) fn username(text: &str) -> Result<String, AccountError> {
    let text = text.trim().to_ascii_lowercase();
    let fits = USERNAME_CHARS.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        && text.as_bytes()[0].is_ascii_alphanumeric();
    if fits {
        Ok(text)
    } else {
        Err(AccountError::invalid(
            "username: expected 3 to 32 of a-z, 0-9, _ . - beginning with a letter or a digit",
        ))
    }
}

/// A password to be set.
pub(crate) fn new_password(password: &str) -> Result<(), AccountError> {
    if PASSWORD_CHARS.contains(&password.chars().count()) {
        Ok(())
    } else {
        Err(AccountError::invalid("password: expected 8 to 256 characters"))
    }
}

/// A password to be compared. One that is too short to be set is merely wrong: the bound may have been another once.
pub(crate) fn given_password(password: &str) -> Result<(), AccountError> {
    if (1..=*PASSWORD_CHARS.end()).contains(&password.chars().count()) {
        Ok(())
    } else {
        Err(AccountError::invalid("password: expected 1 to 256 characters"))
    }
}

/// A name to show, or what stands for an absent or blank one.
pub(crate) fn name(field: &str, text: Option<&str>, otherwise: &str) -> Result<String, AccountError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(otherwise);
    if let Some(fault) = protocol::name_fault(text) {
        return Err(AccountError::Invalid(format!("{field}: {fault}")));
    }
    if text.chars().count() > NAME_MAX_CHARS {
        return Err(AccountError::Invalid(format!("{field}: at most {NAME_MAX_CHARS} characters")));
    }
    Ok(text.to_owned())
}

/// A name to show, which must be one.
pub(crate) fn given_name(text: &str) -> Result<String, AccountError> {
    match name("name", Some(text), "")? {
        blank if blank.is_empty() => Err(AccountError::invalid("name: expected 1 to 100 characters")),
        name => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_compared_in_one_form() {
        assert_eq!(username(" Alice_01 ").unwrap(), "alice_01");
        assert_eq!(username("0.a").unwrap(), "0.a");
        let long = "a".repeat(33);
        for bad in ["", "ab", "_ab", ".ab", "-ab", "a b", "alïce", "a@b", "аlice", &long] {
            assert!(username(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_have_bounds_and_a_default() {
        assert_eq!(name("name", Some("  Zoë 🦉 "), "x").unwrap(), "Zoë 🦉");
        assert_eq!(name("name", Some("   "), "x").unwrap(), "x");
        assert_eq!(name("name", None, "x").unwrap(), "x");
        for strange in ["a\nb", "\u{200b}", "\u{202e}nnA"] {
            assert!(name("name", Some(strange), "x").is_err(), "{strange:?}");
        }
        assert!(name("name", Some(&"ä".repeat(100)), "x").is_ok());
        assert!(name("name", Some(&"ä".repeat(101)), "x").is_err());
    }
}
