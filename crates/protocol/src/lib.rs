//! The words that server and clients share: ids, commands' arguments and answers, events, message bodies,
//! error codes.
//!
//! Pure serde: no I/O, no clock, no rule of the product beyond what a well-formed value is. Everything here
//! reads the same in JSON and in MessagePack; bytes are base64 in JSON and `bin` in MessagePack.

mod actions;
mod admin;
mod bytes;
mod content;
mod conversation;
mod error;
pub mod events;
mod fold;
mod id;
mod link;
mod message;
mod name;
mod notification;
mod null;
pub mod objects;
mod people;
mod privacy;
mod profile;
mod receipts;
mod retention;
mod session;
mod shared;
mod user;
mod word;

pub use actions::{
    Mark, MarkKind, MessageEdit, MessageSearch, PinnedMessage, SearchPage, StarredPage, StarredRequest,
};
pub use admin::{
    AccountInfo, AccountPage, AccountState, AccountsRequest, DeletionConfirmation, FirstAdmin,
    OneTimePassword, Statistics,
};
pub use bytes::ByteString;
pub use content::{Content, MemberChange};
pub use conversation::{
    ConversationFilter, ConversationSettings, ConversationSummary, GroupChanges, GroupInfo, MemberInfo,
    MembershipRecord, MessageStatus, NewGroup, Role,
};
pub use error::ErrorCode;
pub use fold::folded;
pub use id::{
    ConversationId, ConversationKind, ConversationShape, DeviceId, IdError, InviteId, LinkCode, MessageId,
    NoticeId, ReportId, UserId,
};
pub use link::{GroupLink, GroupPreview, JoinedGroup, NewGroupLink};
pub use message::{
    Body, DeviceMessage, HistoryRequest, Message, MessageKind, MessagePage, OutgoingDeviceMessage,
    OutgoingMessage, Reaction, Sent, SyncPage, SyncRequest,
};
pub use name::name_fault;
pub use notification::{
    Notification, NotificationId, NotificationKind, NotificationPage, NotificationsRequest,
};
pub use people::{
    BlockedUser, Contact, ContactsPage, ContactsRequest, Invite, InviteDirection, InviteOutcome,
    InviteStatus, NewReport, Report, ReportsPage, ReportsRequest,
};
pub use privacy::{GroupsFrom, LastSeenTo, MessagesFrom, Privacy, PrivacyChanges};
pub use profile::{Profile, ProfileChanges, ServerRole, UserPage, UserPageRequest};
pub use receipts::{MemberReceipt, MessageInfo, Receipt};
pub use retention::{Retention, RetentionError};
pub use session::{
    CodeRequest, CodeSent, CodeVerification, Credentials, CredentialsChange, RefreshRequest, SessionInfo,
    SignedIn, Tokens, WhoAmI,
};
pub use user::{Presence, UserInfo};
pub use word::UnknownWord;

/// Milliseconds since the Unix epoch, UTC.
pub type Timestamp = i64;

/// The latest time that can be named: what a JavaScript number holds.
pub const LATEST: Timestamp = (1 << 53) - 1;

/// A place in a conversation's log: 1 for the first entry, without gaps. Stays under 2^53, which is what a
/// JavaScript number can hold.
pub type Seq = u64;
