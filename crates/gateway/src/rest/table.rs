//! How the table of routes becomes a router and documentation.

use protocol::ErrorCode;

/// A route, for documents.
#[derive(Debug, Clone, Copy)]
pub struct RouteDoc {
    /// The HTTP method.
    pub method: &'static str,
    /// The whole path; `{…}` stands for a value.
    pub path: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Whether it takes an access token.
    pub signed_in: bool,
    /// The body it takes, as a Rust type.
    pub body: Option<&'static str>,
    /// The HTTP status of success.
    pub status: u16,
    /// What it answers then, as a Rust type.
    pub answer: Option<&'static str>,
    /// Why it may fail, besides what any request may: `invalid` for a malformed body, `unavailable`, `internal`, and
    /// `unauthenticated` where it takes a token.
    pub errors: &'static [ErrorCode],
}

/// Writes the router and the documentation of a list of routes:
/// `/// doc` `open|signed_in method "/path" (Body) -> Answer or [Errors] = function;`
///
/// An absent answer is a 204.
macro_rules! routes {
    ($prefix:literal $($(#[doc = $doc:literal])* $mode:ident $method:ident $path:literal ($($body:ty)?)
        $(-> $answer:ty)? $(, or [$($error:ident),*])? = $function:path;)*) => {
        /// Every route of the API, in the order of the documents.
        pub const ROUTES: &[$crate::rest::table::RouteDoc] = &[$($crate::rest::table::RouteDoc {
            method: stringify!($method),
            path: concat!($prefix, $path),
            doc: concat!($($doc),*),
            signed_in: $crate::rest::table::signed_in!($mode),
            body: [$(stringify!($body))?].first().copied(),
            status: $crate::rest::table::status!($($answer)?),
            answer: [$(stringify!($answer))?].first().copied(),
            errors: &[$($(protocol::ErrorCode::$error),*)?],
        },)*];

        fn table() -> axum::Router<std::sync::Arc<$crate::state::Shared>> {
            // The types of bodies and answers are named here so that each is one.
            $($(let _ = std::marker::PhantomData::<$body>;)? $(let _ = std::marker::PhantomData::<$answer>;)?)*
            axum::Router::new()$(.route($path, axum::routing::$method($function)))*
        }
    };
}

macro_rules! signed_in {
    (open) => {
        false
    };
    (signed_in) => {
        true
    };
}

macro_rules! status {
    () => {
        204
    };
    ($answer:ty) => {
        200
    };
}

pub(super) use {routes, signed_in, status};
