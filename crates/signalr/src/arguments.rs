//! Positional arguments of a received invocation.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::{Protocol, value};

/// Positional arguments of a received invocation, still encoded; decoded one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    protocol: Protocol,
    message: Bytes,
    /// Where in the message each argument stands.
    ranges: Vec<(u32, u32)>,
}

/// An argument is not there or not of the type asked for.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    /// Fewer arguments were given. The text is ASP.NET's.
    #[error("Invocation provides {given} argument(s) but target expects {expected}.")]
    Missing {
        /// How many came.
        given: usize,
        /// How many it takes for this one to be there.
        expected: usize,
    },
    /// It is of another type. The text begins as ASP.NET's.
    #[error("Error binding arguments: argument {index} is invalid: {reason}")]
    Invalid {
        /// Its position, from 0.
        index: usize,
        /// What the decoder said.
        reason: String,
    },
}

impl Arguments {
    pub(crate) fn new(protocol: Protocol, message: Bytes, ranges: Vec<(u32, u32)>) -> Arguments {
        debug_assert!(ranges.iter().all(|&(start, end)| start < end && end as usize <= message.len()));
        Arguments { protocol, message, ranges }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The protocol they are encoded in.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The encoded argument.
    pub fn raw(&self, index: usize) -> Option<&[u8]> {
        let &(start, end) = self.ranges.get(index)?;
        Some(&self.message[start as usize..end as usize])
    }

    /// Decodes the argument at `index`, counted from 0.
    ///
    /// # Errors
    /// There is none, or it is none of that type.
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T, ArgumentError> {
        let raw = self
            .raw(index)
            .ok_or(ArgumentError::Missing { given: self.len(), expected: index.saturating_add(1) })?;
        value::decode(self.protocol, raw)
            .map_err(|error| ArgumentError::Invalid { index, reason: error.to_string() })
    }

    /// Decodes the argument at `index`; missing and null are both none.
    ///
    /// # Errors
    /// It is none of that type.
    pub fn get_optional<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, ArgumentError> {
        match self.raw(index) {
            None => Ok(None),
            Some(_) => self.get(index),
        }
    }
}
