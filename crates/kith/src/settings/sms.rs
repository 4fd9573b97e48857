//! `[sms]`

use super::{Secret, WebUrl, table::section};

section! {
    /// The provider that sends one-time codes to phones, by Twilio's interface. Without one, codes for phone numbers go
    /// to the server's log and to `kith admin otp`.
    Sms {
        /// The account's identifier with the provider (`AC…`). Nothing is sent without it.
        account_sid: Option<String> = "";
        /// The token that goes with it.
        auth_token: Option<Secret> = "";
        /// The sender's number, as in `+15005550006`.
        from: Option<String> = "";
        /// Where the provider's interface is. Others offer the same one.
        base_url: WebUrl = "https://api.twilio.com";
    }
    check |it| [
        (it.account_sid.is_some() && it.auth_token.is_none())
            .then_some(("auth_token", "is needed where sms.account_sid is set")),
        (it.account_sid.is_some() && it.from.is_none())
            .then_some(("from", "is needed where sms.account_sid is set")),
    ]
}
