//! The objects and words on the wire, told once for `docs/protocol.md`: what each field is, by its Rust type.
//!
//! `tests/wire.rs` holds this to what serde writes and takes.

mod table;
mod words;

pub use table::OBJECTS;
pub use words::{BODIES, CHOICES};

/// An object on the wire.
#[derive(Debug, Clone, Copy)]
pub struct Object {
    /// What other objects and the commands call it.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The object whose fields it also has.
    pub base: Option<&'static str>,
    /// Its own fields.
    pub fields: &'static [Field],
}

/// A field of an [`Object`].
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// As on the wire.
    pub name: &'static str,
    /// Its Rust type; `Option<…>` if it may be absent.
    pub of: &'static str,
    /// What it says.
    pub about: &'static str,
}

/// A word out of a few.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// What objects call it.
    pub name: &'static str,
    /// What it says.
    pub about: &'static str,
    /// The words and their meanings.
    pub words: &'static [(&'static str, &'static str)],
}

macro_rules! objects {
    ($visible:vis $constant:ident: #[doc = $all:literal] $($(#[doc = $about:literal])* $name:ident $(: $base:ident)? {
        $($(#[doc = $field_about:literal])* $field:ident: $type:ty,)*
    })*) => {
        #[doc = $all]
        $visible const $constant: &[$crate::objects::Object] = &[$($crate::objects::Object {
            name: stringify!($name),
            about: concat!($($about),*).trim_ascii(),
            base: [$(stringify!($base))?].first().copied(),
            fields: &[$($crate::objects::Field {
                name: stringify!($field),
                of: stringify!($type),
                about: concat!($($field_about),*).trim_ascii(),
            },)*],
        },)*];

        /// A type that is no type does not compile.
        const _: fn() = || { $($(let _ = std::marker::PhantomData::<$type>;)*)* };
    };
}
use objects;
