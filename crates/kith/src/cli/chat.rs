//! `kith chat`

use clap::Args;

use super::Failure;
use super::context::Context;
use super::listen::{Plan, run};

#[derive(Debug, Args)]
pub struct Chat {
    /// A username, email, phone, user id, conversation id, or a group's name
    to: String,
    /// Do not tell the others that their messages were seen
    #[arg(long)]
    unseen: bool,
}

/// Prints what comes, sends each line of standard input, until that ends or Ctrl-C.
pub(super) async fn chat(context: &Context, args: Chat) -> Result<(), Failure> {
    let plan = Plan { to: Some(args.to), input: true, seen: !args.unseen, ..Plan::default() };
    run(context, plan).await
}
