//! `kith send`

use std::collections::VecDeque;
use std::time::Duration;

use clap::Args;
use client::{Options, Session, Ticket};
use platform::{Clock, Randomness, SystemClock, SystemRandomness};
use protocol::{Body, Content, ConversationId, MessageId, OutgoingMessage, Sent, Seq, UserId};
use serde::Serialize;

use super::Failure;
use super::context::Context;
use super::listen::lines_of_stdin;
use super::resolve::{self, Absent};

/// Messages of `--lines` that are under way at a time.
const PIPELINE: usize = 64;

#[derive(Debug, Args)]
pub struct Send {
    /// A username, email, phone, user id, conversation id, or a group's name
    to: String,
    /// The text; several words are joined. - reads it from standard input
    #[arg(required_unless_present = "lines", conflicts_with = "lines")]
    text: Vec<String>,
    /// Send each line of standard input as a message of its own
    #[arg(long)]
    lines: bool,
    /// The number of the message that this one answers
    #[arg(long, value_name = "SEQ", conflicts_with = "lines")]
    reply_to: Option<Seq>,
    /// Whom it speaks to, several times for several: they are told even of a muted group
    #[arg(long, value_name = "USER", conflicts_with = "lines")]
    mention: Vec<String>,
    /// The message's id: sending the same id again is the same message, and prints the same answer
    #[arg(long, value_name = "ID", conflicts_with = "lines")]
    id: Option<MessageId>,
    /// Seconds to keep trying before giving up
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
}

/// A sent message and where it went.
#[derive(Serialize)]
struct Answer<'a> {
    conversation: ConversationId,
    #[serde(flatten)]
    sent: &'a Sent,
}

/// An id for a message of this device.
pub(super) fn new_id() -> MessageId {
    let mut random = [0; 10];
    SystemRandomness.fill(&mut random);
    MessageId::compose(SystemClock.now(), random)
}

pub(super) async fn send(context: &Context, args: Send) -> Result<(), Failure> {
    let text = match args.text.as_slice() {
        [dash] if dash == "-" => Some(all_of_stdin()?),
        words if !args.lines => Some(words.join(" ")),
        _ => None,
    };
    if text.as_ref().is_some_and(String::is_empty) {
        return Err(Failure::usage("there is no text to send"));
    }
    let signed_in = context.signed_in()?;
    let (hub, events) = signed_in.connector.open().await?;
    let conversation =
        resolve::conversation(&hub, signed_in.account.user.id, &args.to, Absent::Create).await?;
    let mentions = resolve::users(&hub, &args.mention).await?;
    let connector = signed_in.connector.clone().with_first(hub, events);
    let options = Options { receive: false, ..Options::default() };
    let (session, _updates) = Session::start(connector, options, SystemRandomness);
    let sender = Sender { context, session, conversation, patience: Duration::from_secs(args.timeout) };
    let outcome = match text {
        Some(text) => sender.one(args.id.unwrap_or_else(new_id), text, args.reply_to, mentions).await,
        None => sender.lines().await,
    };
    sender.session.close().await;
    outcome
}

struct Sender<'a> {
    context: &'a Context,
    session: Session<client::Hub>,
    conversation: ConversationId,
    patience: Duration,
}

impl Sender<'_> {
    async fn one(
        &self,
        id: MessageId,
        text: String,
        reply_to: Option<Seq>,
        mentions: Vec<UserId>,
    ) -> Result<(), Failure> {
        let mut message = OutgoingMessage::text(id.clone(), text);
        if reply_to.is_some() || !mentions.is_empty() {
            let text = message.text.take().unwrap_or_default();
            let said = Content::Text { text, reply_to, mentions, forwarded: false };
            message.body = Some(Body::Open(said));
        }
        let mut ticket = self.session.send(self.conversation, message).await?;
        self.print(&self.answer(&id, &mut ticket).await?)
    }

    /// Prints each answer as it comes, in the order of the lines.
    async fn lines(&self) -> Result<(), Failure> {
        let mut lines = lines_of_stdin();
        let mut ended = false;
        let mut waiting: VecDeque<(MessageId, Ticket)> = VecDeque::new();
        while !ended || !waiting.is_empty() {
            let room = waiting.len() < PIPELINE;
            let answer = async {
                match waiting.front_mut() {
                    Some((id, ticket)) => self.answer(id, ticket).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                line = lines.recv(), if room && !ended => match line {
                    Some(line) if line.is_empty() => (),
                    Some(line) => {
                        let id = new_id();
                        let ticket = self.queue(id.clone(), line).await?;
                        waiting.push_back((id, ticket));
                    }
                    None => ended = true,
                },
                answer = answer => {
                    self.print(&answer?)?;
                    waiting.pop_front();
                }
            }
        }
        Ok(())
    }

    async fn queue(&self, id: MessageId, text: String) -> Result<Ticket, Failure> {
        Ok(self.session.send(self.conversation, OutgoingMessage::text(id, text)).await?)
    }

    async fn answer(&self, id: &MessageId, ticket: &mut Ticket) -> Result<Sent, Failure> {
        let Ok(answer) = tokio::time::timeout(self.patience, ticket).await else {
            let seconds = self.patience.as_secs();
            return Err(Failure::failed(format!(
                "no answer for {seconds} s, so it may be sent or not; repeating with --id {id} sends it once"
            )));
        };
        Ok(answer?)
    }

    fn print(&self, sent: &Sent) -> Result<(), Failure> {
        let answer = Answer { conversation: self.conversation, sent };
        self.context.output.put(&answer, || format!("{}  {}", sent.seq, sent.id))
    }
}

fn all_of_stdin() -> Result<String, Failure> {
    let text =
        std::io::read_to_string(std::io::stdin()).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}
