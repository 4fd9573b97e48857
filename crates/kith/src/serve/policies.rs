//! The settings, as each service and the doors take them.

use std::sync::Arc;
use std::time::Duration;

use crate::settings::{DatabaseUrl, Settings};

use super::secret;

/// The largest body of a REST request, in bytes, above that of a message in base64.
const BODY_OVERHEAD_BYTES: usize = 16 * 1024;

pub(super) fn accounts(settings: &Settings) -> accounts::Policy {
    let set = &settings.accounts;
    accounts::Policy {
        registration_open: set.registration_open,
        access_ttl_s: set.access_token_ttl_s,
        session_idle_days: set.refresh_idle_timeout_days,
        session_max_days: set.refresh_absolute_timeout_days,
        max_devices: set.max_devices,
        code_ttl_s: set.code_ttl_s,
        code_tries: set.code_tries,
        code_resend_s: set.code_resend_after_s,
        codes_per_hour: set.codes_per_hour,
        concurrent_hashes: set.concurrent_hashes,
        waiting_hashes: set.waiting_hashes,
        hash_wait_s: set.hash_wait_s,
        one_time_password_hours: set.one_time_password_hours,
        page_users: settings.limits.max_page_users,
        page_accounts: settings.limits.max_page_accounts,
        cached_sessions: settings.limits.cached_sessions,
        cached_users: settings.limits.cached_users,
        readable_email_codes: settings.mail.host.is_none(),
        readable_phone_codes: settings.sms.account_sid.is_none(),
    }
}

pub(super) fn people(settings: &Settings) -> accounts::people::Policy {
    let set = &settings.limits;
    accounts::people::Policy {
        contacts: set.max_contacts,
        contacts_page: set.max_page_contacts,
        blocked: set.max_blocked,
        cached_blocks: set.cached_blocks,
        invite_characters: set.max_invite_characters,
        invites_sent: set.max_invites_sent,
        invites_received: set.max_invites_received,
        invites_listed: set.max_page_invites,
        invite_days: set.invite_days,
        invite_again_days: set.invite_again_days,
        reason_characters: set.max_report_characters,
        reported_characters: set.reported_message_characters,
        reports_open: set.max_open_reports,
        reports_page: set.max_page_reports,
    }
}

pub(super) fn chats(settings: &Settings) -> chats::Policy {
    let set = &settings.limits;
    chats::Policy {
        message_bytes: set.max_message_bytes,
        group_members: set.max_group_members,
        page_messages: set.max_page_messages,
        page_conversations: set.max_page_conversations,
        page_bytes: set.max_page_bytes,
        pins: set.max_pins,
        stars: set.max_stars,
        reactions: set.max_reactions,
        group_links: set.max_group_links,
        link_uses: set.max_link_uses,
        device_messages: set.max_device_messages,
        page_device_messages: set.max_page_device_messages,
        listed_members: set.listed_members,
        status_members: set.status_members,
        unread_count: set.max_unread_count,
        question_characters: set.search_characters,
        question_words: set.search_words,
        question_conversations: set.search_conversations,
        page_found: set.max_page_found,
        queued_commands: set.queued_commands,
        batch_commands: set.batch_commands,
        batch_bytes: set.batch_bytes,
        receipts_flush_ms: settings.chats.receipts_write_ms,
        receipts_notice_ms: settings.chats.receipts_tell_ms,
        cached_conversations: set.cached_conversations,
        device_queue_messages: settings.limits.device_queue_messages,
        device_queue_bytes: settings.limits.device_queue_bytes,
        edit_window_ms: i64::from(settings.chats.edit_window_s) * 1_000,
        search: settings.chats.search,
        batchers: match settings.database_url() {
            DatabaseUrl::Sqlite(_) => 1,
            DatabaseUrl::Postgres(_) => settings.database.log_batchers as usize,
        },
        retention: settings.chats.retention,
        undelivered_days: settings.chats.undelivered_days,
        sweep_every_s: settings.chats.sweep_every_s,
        sweep_entries: settings.chats.sweep_entries,
    }
}

pub(crate) fn notices(settings: &Settings) -> notifications::in_app::Policy {
    notifications::in_app::Policy {
        keep_days: settings.limits.notifications_days,
        per_user: settings.limits.max_notifications_per_user,
        page: settings.limits.max_page_notifications,
        waiting: settings.limits.queued_notifications,
    }
}

pub(super) fn limits(settings: &Settings) -> gateway::LimitPolicy {
    let set = &settings.limits;
    gateway::LimitPolicy {
        rates: gateway::Rates {
            requests_per_account: set.requests_per_account,
            messages_per_account: set.messages_per_account,
            searches_per_account: set.searches_per_account,
            invitations_per_account: set.invitations_per_account,
            groups_per_account: set.groups_per_account,
            reports_per_account: set.reports_per_account,
            directs_per_account: set.directs_per_account,
            requests_per_address: set.requests_per_address,
            connects_per_address: set.connects_per_address,
            sign_ins_per_address: set.sign_ins_per_address,
            registrations_per_address: set.registrations_per_address,
            codes_per_address: set.codes_per_address,
            codes_per_server: set.codes_per_server,
            failed_sign_ins_per_address: set.failed_sign_ins_per_address,
            failed_sign_ins_per_name: set.failed_sign_ins_per_name,
            failed_sign_ins_per_name_and_address: set.failed_sign_ins_per_name_and_address,
        },
        connections_per_address: set.max_connections_per_address,
        hashes_per_address: hashes_per_address(settings),
        answers_per_account: set.answers_per_account,
        answers_bytes: set.answers_bytes,
        proxies: settings.server.trusted_proxies.clone().up_to(settings.server.max_proxies),
        tracked_keys: set.tracked_keys,
    }
}

/// A quarter of the places: nobody keeps others from signing in.
fn hashes_per_address(settings: &Settings) -> usize {
    let set = &settings.accounts;
    (set.concurrent_hashes.saturating_add(set.waiting_hashes) / 4).max(1) as usize
}

pub(super) fn gateway(settings: &Settings, key: [u8; 32], limits: Arc<gateway::Limits>) -> gateway::Options {
    let (set, server) = (&settings.limits, &settings.server);
    gateway::Options {
        signalr: signalr::server::Options {
            max_message_bytes: set.max_frame_bytes,
            max_queued_frames: set.connection_queue_frames,
            max_queued_bytes: set.connection_queue_bytes,
            max_in_flight: set.connection_calls,
            max_streams: set.connection_streams,
            handshake_timeout: Duration::from_secs(set.hub_handshake_timeout_s),
            client_timeout: Duration::from_secs(set.hub_silence_timeout_s),
            keep_alive: Duration::from_secs(set.hub_ping_s),
            close_timeout: Duration::from_secs(set.hub_close_timeout_s),
            token_lifetime: Duration::from_secs(set.negotiate_timeout_s),
            poll_timeout: Duration::from_secs(set.poll_timeout_s),
            pipe_bytes: set.polled_buffer_bytes,
            web_sockets_only: server.web_sockets_only,
            allowed_origins: server.allowed_origins.as_slice().to_vec(),
            drain_spread: Duration::from_secs(server.drain_spread_s),
            stateful_reconnect: server.stateful_reconnect,
            stateful_grace: Duration::from_secs(server.stateful_grace_s),
            stateful_buffer_bytes: set.stateful_buffer_bytes,
            token_key: Some(secret::derive(&key, "kith connection token 1")),
            ..signalr::server::Options::default()
        },
        body_bytes: set.max_message_bytes * 2 + BODY_OVERHEAD_BYTES,
        body_timeout: Duration::from_secs(set.body_timeout_s),
        users_named: set.max_users_named,
        users_watched: set.max_users_watched,
        page_unread: set.max_page_unread,
        limits,
    }
}

pub(super) fn sqlite(settings: &Settings) -> storage::sqlite::Policy {
    let set = &settings.database;
    storage::sqlite::Policy {
        readers: set.readers,
        cache_kib: set.cache_kib,
        waiting_writes: set.queued_writes,
        waiting_reads: set.queued_reads,
        busy_timeout: Duration::from_secs(set.busy_timeout_s),
    }
}

pub(super) fn postgres(settings: &Settings) -> storage::postgres::Policy {
    let set = &settings.database;
    storage::postgres::Policy {
        connections: set.pool_size as usize,
        connect_timeout: Duration::from_secs(set.connect_timeout_s),
        statement_timeout: Duration::from_secs(set.statement_timeout_s),
        answer_timeout: Duration::from_secs(set.answer_timeout_s),
    }
}
