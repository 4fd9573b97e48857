//! Codes by SMS, by Twilio's interface, which other providers offer too.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, StatusCode, redirect};
use rustls::crypto::{CryptoProvider, ring};
use serde::Deserialize;

use crate::delivery::{Delivery, Limits, SendError, SetupError};

/// As much of an answer as is read.
const ANSWER_MAX_BYTES: usize = 16 * 1024;
/// As much of a provider's words as goes to the log.
const REASON_MAX_CHARS: usize = 200;

/// The provider to hand messages to.
#[derive(Clone)]
pub struct SmsSettings {
    /// Where its interface is: `https://api.twilio.com`.
    pub base_url: String,
    /// The account's identifier.
    pub account_sid: String,
    /// The token that goes with it.
    pub auth_token: String,
    /// The sender's number.
    pub from: String,
    /// What the server calls itself in messages, such as `Kith`.
    pub service: String,
    /// How long a code is good; what the message says, in whole minutes.
    pub code_valid_for: Duration,
    /// Codes that are sent at once; more wait.
    pub at_once: usize,
}

/// Sends codes by SMS.
pub struct Sms {
    client: Client,
    url: String,
    settings: SmsSettings,
    delivery: Delivery,
}

/// What the provider says when it does not send.
#[derive(Deserialize)]
struct Refusal {
    code: Option<i64>,
    message: Option<String>,
}

impl Sms {
    /// A sender by these settings. Nothing is connected before the first message.
    ///
    /// # Errors
    /// The machine trusts no certificate authority (Debian's package is `ca-certificates`), or the URL is none.
    pub fn new(settings: SmsSettings) -> Result<Self, SetupError> {
        let at_once = settings.at_once;
        Self::with_limits(settings, Limits { at_once, ..Limits::default() })
    }

    fn with_limits(settings: SmsSettings, limits: Limits) -> Result<Self, SetupError> {
        let failed = |error: String| SetupError(format!("SMS provider: {error}"));
        if CryptoProvider::get_default().is_none() {
            // reqwest asks for the process's. If another thread was faster, it chose the same.
            let _ = ring::default_provider().install_default();
        }
        let client = Client::builder()
            .timeout(limits.try_timeout)
            .redirect(redirect::Policy::none())
            .user_agent("kith")
            .build()
            .map_err(|error| failed(sources(&error)))?;
        let SmsSettings { base_url, account_sid, .. } = &settings;
        let base_url = base_url.trim_end_matches('/');
        let url = format!("{base_url}/2010-04-01/Accounts/{account_sid}/Messages.json");
        client.post(&url).build().map_err(|error| failed(sources(&error)))?;
        Ok(Self { client, url, settings, delivery: Delivery::new(limits) })
    }

    /// Hands a message with the code to the provider. At most two tries and 20 s.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send_code(&self, to: &str, code: &str) -> Result<(), SendError> {
        let SmsSettings { service, code_valid_for, .. } = &self.settings;
        let minutes = code_valid_for.as_secs().div_ceil(60);
        let text: Arc<str> =
            format!("{code} is your code for {service}. Good for {minutes} minutes. Give it to nobody.")
                .into();
        self.delivery.run(|| self.post(to, Arc::clone(&text))).await
    }

    async fn post(&self, to: &str, text: Arc<str>) -> Result<(), SendError> {
        let SmsSettings { account_sid, auth_token, from, .. } = &self.settings;
        let request = self.client.post(&self.url).basic_auth(account_sid, Some(auth_token)).form(&[
            ("To", to),
            ("From", from),
            ("Body", &text),
        ]);
        let response = request.send().await.map_err(|error| SendError::Unreachable(sources(&error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let reason = format!("{status}{}", refusal(response).await);
        if status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
        {
            Err(SendError::Unreachable(reason))
        } else {
            Err(SendError::Refused(reason))
        }
    }
}

/// The provider's reason, if it gave one.
async fn refusal(mut response: reqwest::Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.len() + chunk.len() > ANSWER_MAX_BYTES {
            return String::new();
        }
        body.extend_from_slice(&chunk);
    }
    match serde_json::from_slice(&body) {
        Ok(Refusal { code, message }) => {
            let code = code.map(|code| format!(", error {code}")).unwrap_or_default();
            let message: String = message.unwrap_or_default().chars().take(REASON_MAX_CHARS).collect();
            format!("{code}: {}", message.escape_debug())
        }
        Err(_) => String::new(),
    }
}

/// An error with what caused it: reqwest's own words are "error sending request".
fn sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
