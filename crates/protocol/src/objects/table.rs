//! The objects.

mod chats;
mod people;
mod sign_in;

use chats::CHATS;
use people::PEOPLE;
use sign_in::SIGN_IN;

use super::Object;

const COUNT: usize = PEOPLE.len() + CHATS.len() + SIGN_IN.len();

/// Every object but the bodies, in the order of the document.
pub const OBJECTS: &[Object] = &{
    let mut all = [PEOPLE[0]; COUNT];
    let mut next = 0;
    while next < COUNT {
        all[next] = if next < PEOPLE.len() {
            PEOPLE[next]
        } else if next < PEOPLE.len() + CHATS.len() {
            CHATS[next - PEOPLE.len()]
        } else {
            SIGN_IN[next - PEOPLE.len() - CHATS.len()]
        };
        next += 1;
    }
    all
};
