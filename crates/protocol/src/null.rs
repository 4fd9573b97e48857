//! `null` where a value may be left out.

use serde::{Deserialize, Deserializer};

/// For fields that may be left out: `null` is the same as nothing there. Some clients cannot leave a field out.
pub(crate) fn as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
