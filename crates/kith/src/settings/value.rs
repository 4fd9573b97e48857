//! The types that settings have, each with the text it is read from and the words that tell what it expects.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use gateway::{Proxies, Rate};

/// How a value is written in a TOML file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toml {
    /// In quotes.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
}

/// A type that a setting can have. One text form serves the environment, flags, defaults and, by [`Toml`], the file.
pub(crate) trait Value: Sized {
    const TOML: Toml = Toml::Text;
    const SECRET: bool = false;
    fn parse(text: &str) -> Option<Self>;
    /// To follow "expected".
    fn expected() -> String;
    /// For bounds, where the type is a number.
    fn number(&self) -> Option<i64> {
        None
    }
}

impl Value for String {
    fn parse(text: &str) -> Option<Self> {
        (!text.trim().is_empty()).then(|| text.to_owned())
    }
    fn expected() -> String {
        "a text".into()
    }
}

impl Value for PathBuf {
    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }
    fn expected() -> String {
        "a path".into()
    }
}

impl Value for SocketAddr {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn expected() -> String {
        "an address with a port, such as 127.0.0.1:8080 or [::]:8080".into()
    }
}

impl Value for bool {
    const TOML: Toml = Toml::Switch;
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn expected() -> String {
        "true or false".into()
    }
}

/// Read by a type of the gateway.
macro_rules! texts {
    ($($type:ty, $expected:literal;)+) => { $(
        impl Value for $type {
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn expected() -> String {
                $expected.into()
            }
        }
    )+ };
}
texts! {
    Rate, "so many per s, min or h, and so many at once, such as \"100/s 1000\", or 0 for no bound";
    Proxies, "addresses or networks, such as \"127.0.0.0/8, ::1\"";
}

macro_rules! numbers {
    ($($type:ty)+) => { $(
        impl Value for $type {
            const TOML: Toml = Toml::Number;
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn expected() -> String {
                "a whole number".into()
            }
            fn number(&self) -> Option<i64> {
                Some(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }
    )+ };
}
numbers!(u16 u32 u64 usize);

/// None is the empty text.
impl<T: Value> Value for Option<T> {
    const TOML: Toml = T::TOML;
    const SECRET: bool = T::SECRET;
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { T::parse(text).map(Some) }
    }
    fn expected() -> String {
        T::expected()
    }
    fn number(&self) -> Option<i64> {
        self.as_ref().and_then(T::number)
    }
}

/// A password or key. Neither `Debug` nor any message of the settings shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the one who has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Value for Secret {
    const SECRET: bool = true;
    fn parse(text: &str) -> Option<Self> {
        String::parse(text).map(Self)
    }
    fn expected() -> String {
        "a text".into()
    }
}

/// An `http` or `https` URL without query and without a slash at its end, so that a path can follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl(String);

impl WebUrl {
    /// The URL as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for WebUrl {
    fn parse(text: &str) -> Option<Self> {
        let url = http::Uri::from_str(text).ok()?;
        let right = matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none();
        right.then(|| Self(text.trim_end_matches('/').to_owned()))
    }
    fn expected() -> String {
        "a URL such as https://chat.example.org".into()
    }
}

/// Web origins: scheme, host and perhaps port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Each as browsers write it.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl Value for Origins {
    fn parse(text: &str) -> Option<Self> {
        let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        origins.map(origin).collect::<Option<_>>().map(Self)
    }
    fn expected() -> String {
        "origins separated by commas, such as https://chat.example.org".into()
    }
}

/// As browsers write it: in small letters, and without the port that goes without saying.
fn origin(text: &str) -> Option<String> {
    let url = http::Uri::from_str(text).ok()?;
    let (scheme, host) = (url.scheme_str()?, url.host()?.to_ascii_lowercase());
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = url.authority()?.as_str();
    if !matches!(url.path(), "" | "/") || url.query().is_some() || authority.contains('@') {
        return None;
    }
    Some(match url.port_u16() {
        Some(port) if port != usual => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

/// An enum whose variants have one word each: `choice! { /// doc  pub enum Name { /// doc  Variant = "word", … } }`.
macro_rules! choice {
    (
        $(#[doc = $about:literal])+
        pub enum $name:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal, )+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $doc])+ $variant, )+ }

        impl $crate::settings::value::Value for $name {
            fn parse(text: &str) -> Option<Self> {
                match text {
                    $( $word => Some(Self::$variant), )+
                    _ => None,
                }
            }
            fn expected() -> String {
                format!("one of {}", [$($word),+].join(", "))
            }
        }
    };
}
pub(crate) use choice;
