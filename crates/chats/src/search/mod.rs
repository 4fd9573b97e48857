//! Finding messages by their words, in plain conversations.

mod behind;
mod words;

use std::collections::HashMap;

use protocol::{Body, Content, ConversationKind, MessageSearch, SearchPage};

use crate::log::message_of;
use crate::read::{Mine, at_most};
use crate::shown::is_due;
use crate::store::{NewEntry, Search, SearchCursor, Span};
use crate::{Caller, ChatError, Chats, Policy};
pub(crate) use behind::Searchable;

/// Messages on a page, unless asked for fewer or more.
const PAGE: usize = 50;

impl Chats {
    /// Messages with all these words, the newest first: in all of the caller's plain conversations or in one, of what they
    /// may see there. Letters' case and accents do not matter, order neither; the last word may be the beginning of one.
    ///
    /// # Errors
    /// The question breaks a bound or has no word, the caller has no part in the conversation, the server cannot read
    /// it or does not search at all, or the store did not answer.
    pub async fn search(
        &self,
        caller: Caller,
        text: &str,
        request: MessageSearch,
    ) -> Result<SearchPage, ChatError> {
        if !self.policy.search {
            return Err(ChatError::Forbidden("this server does not search messages"));
        }
        let (words, prefix) = question(text, &self.policy)?;
        let before = request.before.as_deref().map(cursor).transpose()?;
        let mine = match request.conversation {
            None => self.conversations_of(caller.user).await?,
            Some(id) => {
                let sight = self.sight(caller.user, id).await?;
                if sight.0.kind() != ConversationKind::Plain {
                    return Err(ChatError::Invalid("the server cannot read that conversation".into()));
                }
                vec![Mine::one(sight)]
            }
        };
        let plain = mine.iter().filter(|it| it.conversation.kind() == ConversationKind::Plain);
        let spans: Vec<_> = plain.take(self.policy.question_conversations).flat_map(spans).collect();
        if spans.is_empty() {
            return Ok(SearchPage { messages: Vec::new(), next: None });
        }
        let most = self.policy.page_found;
        let limit = at_most(request.limit, PAGE.min(most), most)?;
        let (asked, start) = (words.clone(), prefix.clone());
        let search = Search { spans, reader: caller.user, words, prefix, before, limit };
        let hits = self.store.search(search).await?;
        let mine: HashMap<_, _> = mine.iter().map(|it| (it.conversation.id, it)).collect();
        let (places, mut entries): (Vec<_>, Vec<_>) = hits.entries.into_iter().unzip();
        let visible = |id| mine.get(&id).map_or(&[][..], |mine| mine.visible.as_slice());
        let changed = self.as_left(&mut entries, visible).await?;
        let mut room = self.room(None)?;
        let (mut messages, mut next, mut last) = (Vec::new(), hits.next, None);
        for (here, entry) in places.into_iter().zip(entries) {
            let cutoff = mine.get(&entry.conversation).and_then(|mine| self.cutoff(&mine.conversation));
            let due = is_due(entry.kind, entry.time, cutoff);
            // It was found by what it says now; for whoever has gone it says something else.
            let other =
                changed.contains(&(entry.conversation, entry.seq)) && !says(&entry, &asked, start.as_deref());
            if due || other {
                last = Some(here);
                continue;
            }
            if !room.take(&entry, messages.is_empty()) {
                next = last;
                break;
            }
            last = Some(here);
            messages.push(message_of(ConversationKind::Plain, entry));
        }
        let next = next.map(|cursor| format!("{}.{}", cursor.time, cursor.number));
        Ok(SearchPage { messages, next })
    }
}

/// Whether an entry has all these words, and one that begins like that.
fn says(entry: &NewEntry, asked: &[String], start: Option<&str>) -> bool {
    let Body::Open(content) = message_of(ConversationKind::Plain, entry.clone()).body else { return false };
    let words = words_of(&content);
    asked.iter().all(|word| words.contains(word))
        && start.is_none_or(|start| words.iter().any(|word| word.starts_with(start)))
}

fn spans(mine: &Mine) -> impl Iterator<Item = Span> {
    let conversation = mine.conversation.id;
    mine.visible.iter().map(move |part| Span { conversation, after: part.after, to: part.to })
}

/// The words of a question, and what one more has to begin with.
fn question(text: &str, policy: &Policy) -> Result<(Vec<String>, Option<String>), ChatError> {
    let invalid = |why: String| Err(ChatError::Invalid(why));
    let (characters, most) = (policy.question_characters, policy.question_words);
    if text.chars().count() > characters {
        return invalid(format!("a question has at most {characters} characters"));
    }
    let mut words = words::of(text);
    if words.len() > most {
        return invalid(format!("a question has at most {most} words"));
    }
    if words.is_empty() {
        return invalid("there is no word to search for".into());
    }
    // What is being typed may go on.
    let goes_on = protocol::folded(text).chars().last().is_some_and(char::is_alphanumeric);
    let prefix = if goes_on { words.pop() } else { None };
    Ok((words, prefix))
}

fn cursor(text: &str) -> Result<SearchCursor, ChatError> {
    let parts =
        text.split_once('.').and_then(|(time, number)| Some((time.parse().ok()?, number.parse().ok()?)));
    let (time, number) = parts.ok_or_else(|| ChatError::Invalid("before is the next of a page".into()))?;
    Ok(SearchCursor { time, number })
}

/// What of a message can be searched.
fn words_of(content: &Content) -> Vec<String> {
    match content {
        Content::Text { text, .. } => words::of(text),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_words_and_the_beginning_of_one() {
        let question = |text: &str| question(text, &Policy::default());
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(question("red Balloon"), Ok((owned(&["red"]), Some("balloon".into()))));
        assert_eq!(question("red balloon "), Ok((owned(&["red", "balloon"]), None)));
        assert_eq!(question("\"red* OR (NEAR"), Ok((owned(&["red", "or"]), Some("near".into()))));
        let many = "a b c d e f g h i j k l m n o p q";
        for bad in ["", "  ", "\"*()-", many, &"a".repeat(257)] {
            assert!(matches!(question(bad), Err(ChatError::Invalid(_))), "{bad}");
        }
    }

    #[test]
    fn a_cursor_reads_back() {
        assert_eq!(cursor("17.4"), Ok(SearchCursor { time: 17, number: 4 }));
        for bad in ["", "17", "17.", ".4", "17.-4", "a.b", "1.2.3"] {
            assert!(matches!(cursor(bad), Err(ChatError::Invalid(_))), "{bad}");
        }
    }
}
