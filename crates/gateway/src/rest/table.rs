//! How the table of routes becomes a router and documentation.

use protocol::ErrorCode;

/// A route, for documents.
#[derive(Debug, Clone, Copy)]
pub struct RouteDoc {
    /// The HTTP method.
    pub method: &'static str,
    /// The whole path; `{…}` stands for a value, explained in [`PARAMETERS`](crate::PARAMETERS).
    pub path: &'static str,
    /// What answers it: `section::name`.
    pub function: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Whether it takes an access token.
    pub signed_in: bool,
    /// Whether its answers have an `ETag`.
    pub tagged: bool,
    /// The body it takes, as a Rust type.
    pub body: Option<&'static str>,
    /// The object whose fields it takes in the query.
    pub query: Option<&'static str>,
    /// The HTTP status of success.
    pub status: u16,
    /// What it answers then, as a Rust type.
    pub answer: Option<&'static str>,
    /// Whether its answer is a stream of such, one JSON object a line.
    pub lines: bool,
    /// Why it may fail, besides what any request may: `invalid` for malformed input, `unavailable`, `internal`, and
    /// `unauthenticated` where it takes a token.
    pub errors: &'static [ErrorCode],
    /// The command of the hub that does the same.
    pub twin: Option<&'static str>,
}

/// Writes the router and the documentation of a list of routes:
/// `/// doc` `mode method "/path" (Body; Query) -> Answer, or [Errors] = function as Twin;`
///
/// `open` routes take no token, `signed_in` ones do, `tagged` ones besides answer with an `ETag`, `lines` ones
/// with a stream of JSON objects, one a line. An absent answer is a
/// 204.
macro_rules! routes {
    ($prefix:literal $($(#[doc = $doc:literal])* $mode:ident $method:ident $path:literal
        ($($body:ty)? $(; $query:ident)?) $(-> $answer:ty)? $(, or [$($error:ident),*])?
        = $function:path $(as $twin:ident)?;)*) => {
        /// Every route of the API, in the order of the documents.
        pub const ROUTES: &[$crate::rest::table::RouteDoc] = &[$($crate::rest::table::RouteDoc {
            method: stringify!($method),
            path: concat!($prefix, $path),
            function: stringify!($function),
            doc: concat!($($doc),*),
            signed_in: $crate::rest::table::signed_in!($mode),
            tagged: $crate::rest::table::tagged!($mode),
            body: [$(stringify!($body))?].first().copied(),
            query: [$(stringify!($query))?].first().copied(),
            status: $crate::rest::table::status!($($answer)?),
            answer: [$(stringify!($answer))?].first().copied(),
            lines: $crate::rest::table::lines!($mode),
            errors: &[$($(protocol::ErrorCode::$error),*)?],
            twin: [$(stringify!($twin))?].first().copied(),
        },)*];

        fn table() -> axum::Router<std::sync::Arc<$crate::state::Shared>> {
            // The types of bodies and answers are named here so that each is one.
            $(
                $(let _ = std::marker::PhantomData::<$body>;)?
                $(let _ = std::marker::PhantomData::<$query>;)?
                $(let _ = std::marker::PhantomData::<$answer>;)?
            )*
            axum::Router::new()$(.route(
                $path,
                $crate::rest::table::with_mode!($mode, axum::routing::$method($function)),
            ))*
        }
    };
}

macro_rules! signed_in {
    (open) => {
        false
    };
    ($mode:ident) => {
        true
    };
}

macro_rules! tagged {
    (tagged) => {
        true
    };
    ($mode:ident) => {
        false
    };
}

macro_rules! lines {
    (lines) => {
        true
    };
    ($mode:ident) => {
        false
    };
}

macro_rules! with_mode {
    (tagged, $route:expr) => {
        $route.route_layer(axum::middleware::from_fn($crate::rest::etag::tag))
    };
    ($mode:ident, $route:expr) => {
        $route
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

pub(super) use {lines, routes, signed_in, status, tagged, with_mode};
