//! Conversations, messages and groups.

use protocol::{
    ConversationFilter, ConversationId, ConversationKind, ConversationSettings, ConversationSummary,
    GroupChanges, GroupInfo, GroupLink, GroupPreview, HistoryRequest, JoinedGroup, LinkCode,
    MembershipRecord, Message, MessageEdit, MessageId, MessageInfo, MessagePage, MessageSearch, NewGroup,
    NewGroupLink, OutgoingMessage, PinnedMessage, Retention, SearchPage, Sent, Seq, StarredPage,
    StarredRequest, SyncPage, SyncRequest, Timestamp, UserId,
};
use signalr::client::ItemStream;

use super::{Answer, Hub, invoke_error};
use crate::Error;

/// A page of conversations with fewer is the last.
const LEAST_PAGE: usize = 100;

impl Hub {
    /// The direct conversation with a user; made if there is none.
    pub fn initiate_direct(&self, user: UserId, kind: Option<ConversationKind>) -> Answer<ConversationId> {
        self.call("InitiateDirectChatSession", (user, kind))
    }

    /// Creates a group with oneself as its admin.
    pub fn initiate_group(&self, group: NewGroup) -> Answer<ConversationId> {
        self.call("InitiateGroupChatSession", (group,))
    }

    /// Sends; the answer means that the message is on the server's disk.
    pub fn send_message(&self, conversation: ConversationId, message: OutgoingMessage) -> Answer<Sent> {
        self.call("SendMessage", (conversation, message))
    }

    /// What no device of this user has acknowledged.
    pub fn read_new_messages(&self, limit: Option<u32>) -> Answer<MessagePage> {
        self.call("ReadNewMessages", (limit,))
    }

    /// One page of what this device has missed.
    pub fn sync_page(&self, request: SyncRequest) -> Answer<SyncPage> {
        self.call("Sync", (request,))
    }

    /// This device holds everything up to `seq`.
    pub fn acknowledge_up_to(&self, conversation: ConversationId, seq: Seq) -> Answer<()> {
        self.call("Acknowledge", (conversation, seq))
    }

    /// The user has seen everything up to `seq`.
    pub fn mark_seen(&self, conversation: ConversationId, seq: Seq) -> Answer<()> {
        self.call("MarkSeen", (conversation, seq))
    }

    /// Shows others that one types, or no longer. Nobody waits for an answer.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn set_typing(&self, conversation: ConversationId, typing: bool) -> Result<(), Error> {
        self.0.send("SetTyping", (conversation, typing)).map_err(invoke_error)
    }

    /// A page of the past, newest first.
    pub fn history(&self, conversation: ConversationId, request: HistoryRequest) -> Answer<MessagePage> {
        self.call("History", (conversation, request))
    }

    /// The past as a stream, newest first.
    ///
    /// # Errors
    /// The connection has ended. What the server refuses comes as an item.
    pub fn stream_history(
        &self,
        conversation: ConversationId,
        request: HistoryRequest,
    ) -> Result<ItemStream<Message>, Error> {
        self.0.stream("StreamHistory", (conversation, request)).map_err(invoke_error)
    }

    /// One's conversations.
    pub fn load_conversations(&self) -> Answer<Vec<ConversationSummary>> {
        self.call("LoadConversations", ())
    }

    /// All conversations, or all those of a filter, by as many pages as it takes.
    ///
    /// # Errors
    /// As any call.
    pub async fn every_conversation(
        &self,
        filter: ConversationFilter,
    ) -> Result<Vec<ConversationSummary>, Error> {
        let mut all: Vec<ConversationSummary> = Vec::new();
        let mut next = ConversationFilter { after: None, limit: None, ..filter };
        loop {
            let page = self.load_conversations_that(next).await?;
            let (last, length) = (page.last().map(|summary| summary.id), page.len());
            // What moved up meanwhile comes a second time, or has come.
            let known: std::collections::HashSet<_> = all.iter().map(|summary| summary.id).collect();
            all.extend(page.into_iter().filter(|summary| !known.contains(&summary.id)));
            if length < LEAST_PAGE {
                return Ok(all);
            }
            next.after = last;
        }
    }

    /// Those of one's conversations that a filter lets through.
    pub fn load_conversations_that(&self, filter: ConversationFilter) -> Answer<Vec<ConversationSummary>> {
        self.call("LoadConversations", (filter,))
    }

    /// Puts a conversation away, or takes it back.
    pub fn set_archived(&self, conversation: ConversationId, archived: bool) -> Answer<ConversationSettings> {
        self.call("SetArchived", (conversation, archived))
    }

    /// Wants no notices of a conversation until then.
    pub fn set_muted(
        &self,
        conversation: ConversationId,
        until: Option<Timestamp>,
    ) -> Answer<ConversationSettings> {
        self.call("SetMuted", (conversation, until))
    }

    /// Sets how long a conversation's bodies are kept.
    pub fn set_retention(&self, conversation: ConversationId, retention: Retention) -> Answer<Seq> {
        self.call("SetRetention", (conversation, retention))
    }

    /// Makes a link by which whoever has it joins a group.
    pub fn create_group_link(&self, group: ConversationId, link: NewGroupLink) -> Answer<GroupLink> {
        self.call("CreateGroupLink", (group, link))
    }

    /// A group's links.
    pub fn list_group_links(&self, group: ConversationId) -> Answer<Vec<GroupLink>> {
        self.call("ListGroupLinks", (group,))
    }

    /// Revokes a link.
    pub fn revoke_group_link(&self, group: ConversationId, code: LinkCode) -> Answer<()> {
        self.call("RevokeGroupLink", (group, code))
    }

    /// What a link leads to.
    pub fn preview_group_link(&self, code: LinkCode) -> Answer<GroupPreview> {
        self.call("PreviewGroupLink", (code,))
    }

    /// Joins a group by a link.
    pub fn join_group(&self, code: LinkCode) -> Answer<JoinedGroup> {
        self.call("JoinGroup", (code,))
    }

    /// One conversation with all its members.
    pub fn get_conversation(&self, conversation: ConversationId) -> Answer<ConversationSummary> {
        self.call("GetConversation", (conversation,))
    }

    /// Who got a message and who saw it.
    pub fn message_info(&self, conversation: ConversationId, seq: Seq) -> Answer<MessageInfo> {
        self.call("MessageInfo", (conversation, seq))
    }

    /// Changes what a message of one's own says.
    pub fn edit_message(&self, conversation: ConversationId, seq: Seq, edit: MessageEdit) -> Answer<Sent> {
        self.call("EditMessage", (conversation, seq, edit))
    }

    /// Deletes a message for everyone.
    pub fn delete_message(
        &self,
        conversation: ConversationId,
        seq: Seq,
        id: Option<MessageId>,
    ) -> Answer<Sent> {
        self.call("DeleteMessage", (conversation, seq, id))
    }

    /// Deletes an entry for oneself.
    pub fn hide_message(&self, conversation: ConversationId, seq: Seq) -> Answer<()> {
        self.call("HideMessage", (conversation, seq))
    }

    /// Reacts to a message; without an emoji the reaction is taken back.
    pub fn react(&self, conversation: ConversationId, seq: Seq, emoji: Option<String>) -> Answer<Sent> {
        self.call("React", (conversation, seq, emoji))
    }

    /// Pins a message, or takes the pin out.
    pub fn pin_message(&self, conversation: ConversationId, seq: Seq, pinned: bool) -> Answer<Sent> {
        self.call("PinMessage", (conversation, seq, pinned))
    }

    /// What is pinned, the last pinned first.
    pub fn list_pinned(&self, conversation: ConversationId) -> Answer<Vec<PinnedMessage>> {
        self.call("ListPinned", (conversation,))
    }

    /// Stars a message for oneself, or takes the star away.
    pub fn star_message(&self, conversation: ConversationId, seq: Seq, starred: bool) -> Answer<()> {
        self.call("StarMessage", (conversation, seq, starred))
    }

    /// One's starred messages, the last starred first.
    pub fn list_starred(&self, request: StarredRequest) -> Answer<StarredPage> {
        self.call("ListStarred", (request,))
    }

    /// Says elsewhere what a message says.
    pub fn forward_message(
        &self,
        conversation: ConversationId,
        seq: Seq,
        to: ConversationId,
        id: Option<MessageId>,
    ) -> Answer<Sent> {
        self.call("ForwardMessage", (conversation, seq, to, id))
    }

    /// Messages with all these words, the newest first.
    pub fn search_messages(&self, text: &str, request: MessageSearch) -> Answer<SearchPage> {
        self.call("SearchMessages", (text.to_owned(), request))
    }

    /// A group with all its members.
    pub fn get_group(&self, group: ConversationId) -> Answer<GroupInfo> {
        self.call("GetGroup", (group,))
    }

    /// Adds users to a group.
    pub fn add_to_group(&self, group: ConversationId, users: Vec<UserId>) -> Answer<Seq> {
        self.call("AddUsersToGroup", (group, users))
    }

    /// Removes a user from a group.
    pub fn remove_from_group(&self, group: ConversationId, user: UserId) -> Answer<Seq> {
        self.call("RemoveFromGroup", (group, user))
    }

    /// Makes a member an admin.
    pub fn promote_to_admin(&self, group: ConversationId, user: UserId) -> Answer<Seq> {
        self.call("PromoteToAdmin", (group, user))
    }

    /// Makes an admin an ordinary member.
    pub fn demote_admin(&self, group: ConversationId, user: UserId) -> Answer<Seq> {
        self.call("DemoteAdmin", (group, user))
    }

    /// Leaves a group, after making another its admin if one is named.
    pub fn leave_group(&self, group: ConversationId, successor: Option<UserId>) -> Answer<Seq> {
        self.call("LeaveGroup", (group, successor))
    }

    /// Changes a group's name, description or picture.
    pub fn update_group(&self, group: ConversationId, changes: GroupChanges) -> Answer<Seq> {
        self.call("UpdateGroup", (group, changes))
    }

    /// Deletes a group for everyone.
    pub fn delete_group(&self, group: ConversationId) -> Answer<Seq> {
        self.call("DeleteGroup", (group,))
    }

    /// Who was in a group when.
    pub fn membership_history(&self, group: ConversationId) -> Answer<Vec<MembershipRecord>> {
        self.call("MembershipHistory", (group,))
    }

    /// This device holds the messages sent to it alone up to `number`.
    pub fn acknowledge_device_messages(&self, number: u64) -> Answer<()> {
        self.call("AcknowledgeDeviceMessages", (number,))
    }
}
