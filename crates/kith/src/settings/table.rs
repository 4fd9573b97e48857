//! The one place where a setting is described: [`section!`] turns fields with documentation, default and bounds into a
//! struct, its defaults and the table that help, documentation and loading are made from.

use std::ops::RangeInclusive;

use super::value::{Toml, Value};

/// One setting, as help and error messages speak of it.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// The section's name in TOML.
    pub(crate) section: &'static str,
    /// The key's name in its section.
    pub(crate) name: &'static str,
    /// The field's documentation, one line of it a line here.
    pub(crate) doc: &'static str,
    /// As it would be written in the environment; empty for none.
    pub(crate) default: &'static str,
    /// What a value has to be, to follow "expected".
    pub(crate) expected: String,
    /// How a value is written in TOML.
    pub(crate) toml: Toml,
    /// Whether its value may never be shown.
    pub(crate) secret: bool,
}

impl Key {
    /// `section.name`.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// `KITH_SECTION_NAME`.
    pub(crate) fn variable(&self) -> String {
        format!("KITH_{}_{}", self.section, self.name).to_uppercase()
    }
}

/// What [`section!`] writes for each section.
pub(crate) trait Section {
    /// The struct's documentation.
    fn about(&self) -> &'static str;
    /// Its keys, in the order of the fields.
    fn keys(&self, section: &'static str) -> Vec<Key>;
    /// Sets one key from text. False when the text is no value for it.
    fn set(&mut self, name: &str, text: &str) -> bool;
    /// What is wrong between keys that are each right: the key to blame, and why.
    fn conflicts(&self) -> Vec<(&'static str, &'static str)>;
}

/// The value of a text, when it is one and within bounds.
pub(crate) fn parse<T: Value>(text: &str, range: Option<&RangeInclusive<i64>>) -> Option<T> {
    let value = T::parse(text)?;
    let within = match (range, value.number()) {
        (Some(range), Some(number)) => range.contains(&number),
        _ => true,
    };
    within.then_some(value)
}

/// What a value has to be, in words.
pub(crate) fn expected<T: Value>(range: Option<&RangeInclusive<i64>>) -> String {
    match range {
        Some(range) => format!("{} from {} to {}", T::expected(), range.start(), range.end()),
        None => T::expected(),
    }
}

/// `section! { /// doc  Name { /// doc  key: Type = default [in 1..=9]; … } [check |section| […]] }`, where `check` answers
/// what is wrong between keys.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $section:ident {
            $( $(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:literal $(in $range:expr)?; )+
        }
        $(check |$this:ident| $check:expr)?
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        pub struct $section {
            $( $(#[doc = $doc])+ pub $key: $type, )+
        }

        impl $section {
            /// The keys whose values differ.
            pub(crate) fn changed(&self, other: &Self) -> Vec<&'static str> {
                let mut changed = Vec::new();
                $( if self.$key != other.$key { changed.push(stringify!($key)); } )+
                changed
            }

            /// Takes the value of one key from another.
            pub(crate) fn adopt(&mut self, other: &Self, key: &str) {
                match key {
                    $( stringify!($key) => self.$key = other.$key.clone(), )+
                    _ => {}
                }
            }
        }

        impl Default for $section {
            fn default() -> Self {
                Self {
                    $( $key: $crate::settings::table::parse(concat!($default), None).expect(stringify!($key)), )+
                }
            }
        }

        impl $crate::settings::table::Section for $section {
            fn about(&self) -> &'static str {
                concat!($($about, "\n"),+)
            }

            fn keys(&self, section: &'static str) -> Vec<$crate::settings::table::Key> {
                use $crate::settings::value::Value;
                vec![ $( $crate::settings::table::Key {
                    section,
                    name: stringify!($key),
                    doc: concat!($($doc, "\n"),+),
                    default: concat!($default),
                    expected: $crate::settings::table::expected::<$type>(section!(@range $($range)?).as_ref()),
                    toml: <$type as Value>::TOML,
                    secret: <$type as Value>::SECRET,
                }, )+ ]
            }

            fn set(&mut self, name: &str, text: &str) -> bool {
                match name {
                    $( stringify!($key) => {
                        let value = $crate::settings::table::parse(text, section!(@range $($range)?).as_ref());
                        value.map(|value| self.$key = value).is_some()
                    } )+
                    _ => false,
                }
            }

            fn conflicts(&self) -> Vec<(&'static str, &'static str)> {
                section!(@conflicts self $(, $this, $check)?)
            }
        }
    };
    (@conflicts $self:expr) => { Vec::new() };
    (@conflicts $self:expr, $this:ident, $check:expr) => {{
        let $this = $self;
        $check.into_iter().flatten().collect()
    }};
    (@range) => { None::<std::ops::RangeInclusive<i64>> };
    (@range $range:expr) => { Some::<std::ops::RangeInclusive<i64>>($range) };
}
pub(crate) use section;

/// The struct of all sections, in the order in which they are listed to people.
macro_rules! sections {
    ($($name:ident: $type:ident,)+) => {
        /// All settings of a server.
        #[derive(Debug, Clone, Default)]
        pub struct Settings {
            $( #[doc = concat!("`[", stringify!($name), "]`")] pub $name: $type, )+
        }

        impl Settings {
            /// Every section with its name.
            pub(crate) fn sections(&mut self) -> Vec<(&'static str, &mut dyn $crate::settings::table::Section)> {
                vec![ $( (stringify!($name), &mut self.$name), )+ ]
            }

            /// The settings that differ, as `section.key`.
            pub(crate) fn changed(&self, other: &Self) -> Vec<String> {
                let mut changed = Vec::new();
                $( changed.extend(
                    self.$name.changed(&other.$name).iter().map(|key| format!("{}.{key}", stringify!($name)))
                ); )+
                changed
            }

            /// Takes the value of one setting, `section.key`, from others.
            pub(crate) fn adopt(&mut self, other: &Self, path: &str) {
                match path.split_once('.') {
                    $( Some((stringify!($name), key)) => self.$name.adopt(&other.$name, key), )+
                    _ => {}
                }
            }
        }
    };
}
pub(crate) use sections;
