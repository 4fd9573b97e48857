//! How the table of commands becomes dispatch and documentation.

/// A command, for documents and for the other door.
#[derive(Debug, Clone, Copy)]
pub struct CommandDoc {
    /// The section of the documents it stands in.
    pub section: &'static str,
    /// Its name on the hub.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// What it takes, in order.
    pub arguments: &'static [Argument],
    /// What it answers, as a Rust type.
    pub answer: &'static str,
    /// Whether it streams its answer item by item.
    pub streams: bool,
}

/// An argument of a command.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// Its Rust type.
    pub of: &'static str,
    /// Whether it may be left out.
    pub optional: bool,
}

/// Writes the dispatcher and the documentation of a list of commands. A section `"Title" { … }` holds commands
/// `/// doc` `mode Name(required: Type, …; optional: Type, …) -> Answer = function;`
///
/// `inline` commands run in the connection's own future, `boxed` ones in one of their own, so that the rare and large
/// do not make the frequent and small expensive. `paged` ones are boxed, and their answers may be large: few of one
/// connection run at a time. `stream` ones answer item by item.
macro_rules! commands {
    ($($section:literal { $($(#[doc = $doc:literal])* $mode:ident $name:ident
        ($($argument:ident: $type:ty),* $(; $optional:ident: $optional_type:ty)?) -> $answer:ty = $function:path;)* })*) => {
        /// Every command, in the order of the documents.
        pub const TABLE: &[$crate::commands::CommandDoc] = &[$($(
            $crate::commands::CommandDoc {
                section: $section,
                name: stringify!($name),
                doc: concat!($($doc),*),
                arguments: &[
                    $($crate::commands::Argument {
                        name: stringify!($argument), of: stringify!($type), optional: false,
                    },)*
                    $($crate::commands::Argument {
                        name: stringify!($optional), of: stringify!($optional_type), optional: true,
                    },)?
                ],
                answer: stringify!($answer),
                streams: $crate::commands::table::streams!($mode),
            },
        )*)*];

        /// How a target is called, if there is such a command.
        pub(crate) fn kind(target: &str) -> Option<signalr::server::MethodKind> {
            match target {
                $($(stringify!($name) => Some($crate::commands::table::kind!($mode)),)*)*
                _ => None,
            }
        }

        /// Runs a command that answers once.
        pub(crate) async fn invoke(
            shared: &$crate::state::Shared,
            call: signalr::server::Call<$crate::hub::Client>,
        ) -> Result<signalr::Payload, signalr::server::HubError> {
            let caller = call.client.caller;
            match call.target.as_str() {
                $($(stringify!($name) => {
                    $crate::commands::table::run!($mode, call, $function, [shared, caller],
                        ($($argument: $type),*), ($($optional: $optional_type)?))
                })*)*
                other => Err($crate::commands::table::unknown(other)),
            }
        }

        /// Runs a command that streams.
        pub(crate) async fn stream(
            shared: Arc<$crate::state::Shared>,
            call: signalr::server::Call<$crate::hub::Client>,
        ) -> Result<
            signalr::server::BoxStream<'static, Result<signalr::Payload, signalr::server::HubError>>,
            signalr::server::HubError,
        > {
            let caller = call.client.caller;
            match call.target.as_str() {
                $($(stringify!($name) => {
                    $crate::commands::table::run_stream!($mode, call, $function, [shared, caller],
                        ($($argument: $type),*), ($($optional: $optional_type)?))
                })*)*
                other => Err($crate::commands::table::unknown(other)),
            }
        }

        /// The types of answers are named here so that each is checked against its function.
        const _: fn() = || {
            $($(let _ = std::marker::PhantomData::<$answer>;)*)*
        };
    };
}

macro_rules! streams {
    (stream) => {
        true
    };
    ($mode:ident) => {
        false
    };
}

macro_rules! kind {
    (stream) => {
        signalr::server::MethodKind::Stream
    };
    (paged) => {
        signalr::server::MethodKind::InvokeLarge
    };
    ($mode:ident) => {
        signalr::server::MethodKind::Invoke
    };
}

/// Decodes the arguments, and binds them.
macro_rules! decode {
    ($call:ident, ($($argument:ident: $type:ty),*), ($($optional:ident: $optional_type:ty)?)) => {
        #[allow(unused_mut, unused_variables, unused_assignments, clippy::allow_attributes,
            reason = "commands without arguments count none")]
        let ($($argument,)* $($optional,)?) = {
            let mut index = 0;
            let decoded = (
                $({
                    let value: $type = $crate::commands::table::argument(&$call.arguments, index, stringify!($argument))?;
                    index += 1;
                    value
                },)*
                $({
                    let value: Option<$optional_type> =
                        $crate::commands::table::optional(&$call.arguments, index, stringify!($optional))?;
                    index += 1;
                    value
                },)?
            );
            $crate::commands::table::no_more(&$call.arguments, index)?;
            decoded
        };
    };
}

macro_rules! run {
    (stream, $call:ident, $function:path, $context:tt, $arguments:tt, $optional:tt) => {
        Err($crate::commands::table::unknown(&$call.target))
    };
    (inline, $call:ident, $function:path, [$shared:ident, $caller:ident],
        ($($argument:ident: $type:ty),*), ($($optional:ident: $optional_type:ty)?)) => {{
        $crate::commands::table::decode!($call, ($($argument: $type),*), ($($optional: $optional_type)?));
        let answer = $function($shared, $caller, $($argument,)* $($optional,)?).await?;
        $call.reply(&answer)
    }};
    (paged, $($rest:tt)*) => {
        $crate::commands::table::run!(boxed, $($rest)*)
    };
    (boxed, $call:ident, $function:path, [$shared:ident, $caller:ident],
        ($($argument:ident: $type:ty),*), ($($optional:ident: $optional_type:ty)?)) => {{
        $crate::commands::table::decode!($call, ($($argument: $type),*), ($($optional: $optional_type)?));
        let answer = Box::pin($function($shared, $caller, $($argument,)* $($optional,)?)).await?;
        $call.reply(&answer)
    }};
}

macro_rules! run_stream {
    (stream, $call:ident, $function:path, [$shared:ident, $caller:ident],
        ($($argument:ident: $type:ty),*), ($($optional:ident: $optional_type:ty)?)) => {{
        $crate::commands::table::decode!($call, ($($argument: $type),*), ($($optional: $optional_type)?));
        let items = $function(Arc::clone(&$shared), $caller, $($argument,)* $($optional,)?);
        Ok($crate::commands::table::payloads($call, items))
    }};
    ($mode:ident, $call:ident, $function:path, $context:tt, $arguments:tt, $optional:tt) => {
        Err($crate::commands::table::unknown(&$call.target))
    };
}

pub(super) use {commands, decode, kind, run, run_stream, streams};

use futures_util::{Stream, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use signalr::server::{BoxStream, Call, HubError};
use signalr::{Arguments, Payload};

use crate::CommandError;
use crate::hub::Client;

pub(super) fn argument<T: DeserializeOwned>(
    arguments: &Arguments,
    index: usize,
    name: &str,
) -> Result<T, CommandError> {
    arguments.get(index).map_err(|error| named(name, &error))
}

pub(super) fn optional<T: DeserializeOwned>(
    arguments: &Arguments,
    index: usize,
    name: &str,
) -> Result<Option<T>, CommandError> {
    arguments.get_optional(index).map_err(|error| named(name, &error))
}

fn named(name: &str, error: &signalr::ArgumentError) -> CommandError {
    CommandError::invalid(format!("argument '{name}': {error}"))
}

pub(super) fn no_more(arguments: &Arguments, taken: usize) -> Result<(), CommandError> {
    if arguments.len() > taken {
        let given = arguments.len();
        return Err(CommandError::invalid(format!(
            "{given} arguments were given, at most {taken} are taken"
        )));
    }
    Ok(())
}

pub(super) fn unknown(target: &str) -> HubError {
    CommandError::new(protocol::ErrorCode::NotFound, format!("there is no method '{target}'")).into()
}

pub(super) fn payloads<T: Serialize>(
    call: Call<Client>,
    items: impl Stream<Item = Result<T, CommandError>> + Send + 'static,
) -> BoxStream<'static, Result<Payload, HubError>> {
    items.map(move |item| call.reply(&item?)).boxed()
}
