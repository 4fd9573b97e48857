//! Codes by email, over SMTP (RFC 5321).

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::delivery::{Delivery, Limits, SendError, SetupError};

/// Connections kept open between messages.
const POOLED_CONNECTIONS: u32 = 4;
/// How long one of them is kept unused: mail servers close theirs after five minutes (RFC 5321, section 4.5.3.2.7).
const POOLED_FOR: Duration = Duration::from_secs(60);

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Upgraded before anything is said (RFC 3207); required, not just tried.
    Starttls,
    /// From the first byte (RFC 8314).
    Tls,
    /// Not at all.
    None,
}

/// The mail server to hand messages to.
#[derive(Clone)]
pub struct MailSettings {
    /// Its host name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How to protect the connection.
    pub encryption: Encryption,
    /// PEM certificates of authorities to trust besides the machine's.
    pub ca: Option<Vec<u8>>,
    /// User name and password, where it asks for them.
    pub login: Option<(String, String)>,
    /// The sender, such as `Kith <kith@example.org>`.
    pub from: String,
    /// What the server calls itself in messages, such as `Kith`.
    pub service: String,
    /// How long a code is good; what the message says, in whole minutes.
    pub code_valid_for: Duration,
    /// Codes that are sent at once; more wait.
    pub at_once: usize,
}

/// Sends codes by email.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    service: String,
    minutes: u64,
    delivery: Delivery,
}

impl Mail {
    /// A sender by these settings. Nothing is connected before the first message. To be called inside a Tokio runtime.
    ///
    /// # Errors
    /// The sender is no mailbox, or with encryption: the host is no host name, or the machine trusts no authority.
    pub fn new(settings: MailSettings) -> Result<Self, SetupError> {
        let at_once = settings.at_once;
        Self::with_limits(settings, Limits { at_once, ..Limits::default() })
    }

    fn with_limits(settings: MailSettings, limits: Limits) -> Result<Self, SetupError> {
        let from = settings.from.parse().map_err(|error| SetupError(format!("mail sender: {error}")))?;
        let encrypted = || {
            let wrong = |error: smtp::Error| SetupError(format!("mail server: {error}"));
            let mut parameters = TlsParameters::builder(settings.host.clone());
            if let Some(pem) = &settings.ca {
                parameters = parameters.add_root_certificate(Certificate::from_pem(pem).map_err(wrong)?);
            }
            parameters.build().map_err(wrong)
        };
        let tls = match settings.encryption {
            Encryption::Starttls => Tls::Required(encrypted()?),
            Encryption::Tls => Tls::Wrapper(encrypted()?),
            Encryption::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(limits.try_timeout))
            .pool_config(smtp::PoolConfig::new().max_size(POOLED_CONNECTIONS).idle_timeout(POOLED_FOR));
        if let Some((username, password)) = settings.login {
            transport = transport.credentials(Credentials::new(username, password));
        }
        Ok(Self {
            transport: transport.build(),
            from,
            service: settings.service,
            minutes: settings.code_valid_for.as_secs().div_ceil(60),
            delivery: Delivery::new(limits),
        })
    }

    /// Hands a message with the code to the mail server. At most two tries and 20 s.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send_code(&self, to: &str, code: &str) -> Result<(), SendError> {
        let message = self.message(to, code)?;
        let send = || async {
            match self.transport.send(message.clone()).await {
                Ok(_accepted) => Ok(()),
                Err(error) if error.is_permanent() || error.is_client() => {
                    Err(SendError::Refused(error.to_string()))
                }
                Err(error) => Err(SendError::Unreachable(error.to_string())),
            }
        };
        self.delivery.run(send).await
    }

    fn message(&self, to: &str, code: &str) -> Result<Message, SendError> {
        let refused = |error: String| SendError::Refused(error);
        let to: Address = to.parse().map_err(|error| refused(format!("email address: {error}")))?;
        let Self { service, minutes, .. } = self;
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(format!("{code} is your code for {service}"))
            .header(ContentType::TEXT_PLAIN)
            // RFC 3834: no "out of office" in answer.
            .raw_header(lettre::message::header::HeaderValue::new(
                lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .body(format!(
                "Your code for {service} is\r\n\r\n    {code}\r\n\r\nIt is good for {minutes} minutes, once. Give it to \
                 nobody.\r\nIf you did not ask for it, you need do nothing.\r\n"
            ))
            .map_err(|error| refused(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
