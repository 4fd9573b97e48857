//! Email addresses and phone numbers: where one-time codes go.

use std::fmt;

use crate::AccountError;

/// The way to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// Email.
    Email,
    /// SMS.
    Phone,
}

impl Channel {
    /// As stores write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An email address or a phone number in the one form that is stored and compared.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    channel: Channel,
    text: String,
}

/// RFC 5321, section 4.5.3.1: a path of 256 bytes, less its angle brackets.
const EMAIL_MAX_BYTES: usize = 254;
const EMAIL_LOCAL_MAX_BYTES: usize = 64;
const DOMAIN_LABEL_MAX_BYTES: usize = 63;
/// ITU-T E.164: country code and number. No assigned number is shorter than 7.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

impl Address {
    /// Reads an email address: ASCII, `local@domain`, no quotes, no comments. Both parts become lower case: no mail
    /// server in use tells `Bob` from `bob`, and two accounts told apart by it would help only impostors.
    ///
    /// # Errors
    /// [`AccountError::Invalid`].
    pub fn email(text: &str) -> Result<Self, AccountError> {
        let text = text.trim().to_ascii_lowercase();
        let fits = text.len() <= EMAIL_MAX_BYTES
            && text.split_once('@').is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain));
        if fits {
            Ok(Self { channel: Channel::Email, text })
        } else {
            Err(AccountError::invalid("email: not an email address"))
        }
    }

    /// Reads a phone number in E.164 form: `+`, 7 to 15 digits, the first not 0. Spaces, dots, dashes and
    /// parentheses between them are dropped.
    ///
    /// # Errors
    /// [`AccountError::Invalid`].
    pub fn phone(text: &str) -> Result<Self, AccountError> {
        let text: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        let fits = text.strip_prefix('+').is_some_and(|digits| {
            PHONE_DIGITS.contains(&digits.len())
                && !digits.starts_with('0')
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        if fits {
            Ok(Self { channel: Channel::Phone, text })
        } else {
            Err(AccountError::invalid("phone: expected + and 7 to 15 digits, country code first"))
        }
    }

    /// The one of the two that is there.
    pub(crate) fn one_of(email: Option<&str>, phone: Option<&str>) -> Result<Self, AccountError> {
        match (email, phone) {
            (Some(email), None) => Self::email(email),
            (None, Some(phone)) => Self::phone(phone),
            _ => Err(AccountError::invalid("expected exactly one of email and phone")),
        }
    }

    /// The way to it.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// The address or number itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.channel, self.text)
    }
}

/// RFC 5322's dot-atom.
fn is_local_part(local: &str) -> bool {
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    local.len() <= EMAIL_LOCAL_MAX_BYTES
        && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom))
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        (1..=DOMAIN_LABEL_MAX_BYTES).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_are_compared_in_one_form() {
        let read = Address::email("  Bob.Smith+kith@Example.ORG ").unwrap();
        assert_eq!(read.as_str(), "bob.smith+kith@example.org");
        assert_eq!(read.channel(), Channel::Email);
        assert!(Address::email("root@localhost").is_ok());
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "@",
            "a@",
            "@b",
            "a b@c.d",
            "a@b@c.d",
            "a..b@c.d",
            ".a@c.d",
            "a@-b.d",
            "a@b..d",
            "a@b.d\r\nRCPT TO:<x@y>",
            "ä@b.de",
            "<a@b.d>",
            &long,
        ] {
            assert!(Address::email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn phones_are_compared_in_one_form() {
        assert_eq!(Address::phone("+49 (151) 234-567.89").unwrap().as_str(), "+4915123456789");
        for bad in [
            "",
            "+",
            "4915123456789",
            "+0151234567",
            "+123456",
            "+1234567890123456",
            "+49151x234567",
            "++4915123456",
        ] {
            assert!(Address::phone(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn exactly_one_is_asked_for() {
        assert!(Address::one_of(Some("a@b.c"), None).is_ok());
        assert!(Address::one_of(None, Some("+4915123456789")).is_ok());
        assert!(Address::one_of(None, None).is_err());
        assert!(Address::one_of(Some("a@b.c"), Some("+4915123456789")).is_err());
    }
}
