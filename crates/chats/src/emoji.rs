//! What is one emoji: the form of UTS #51, `possible emoji`, with at least one character that is shown as a picture.

use unicode_properties::UnicodeEmoji;

const JOINER: char = '\u{200d}';
const AS_PICTURE: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
const TAG_END: char = '\u{e007f}';

/// Whether `text` is one emoji and nothing else.
pub(crate) fn is_one_emoji(text: &str) -> bool {
    let mut rest = text;
    loop {
        let Some(after) = element(rest) else { return false };
        rest = match after.strip_prefix(JOINER) {
            Some(next) => next,
            None => return after.is_empty(),
        };
    }
}

/// What follows the first element of a sequence.
fn element(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    let after = &text[first.len_utf8()..];
    if is_flag_letter(first) {
        let second = after.chars().next().filter(|letter| is_flag_letter(*letter))?;
        return Some(&after[second.len_utf8()..]);
    }
    if matches!(first, '0'..='9' | '#' | '*') {
        return after.strip_prefix(AS_PICTURE).unwrap_or(after).strip_prefix(KEYCAP);
    }
    if !first.is_emoji_char() {
        return None;
    }
    let after = match after.chars().next() {
        Some(AS_PICTURE) => {
            let after = &after[AS_PICTURE.len_utf8()..];
            after.strip_prefix(KEYCAP).unwrap_or(after)
        }
        Some(tone @ '\u{1f3fb}'..='\u{1f3ff}') => &after[tone.len_utf8()..],
        _ => after,
    };
    let tags = after.trim_start_matches(|it| ('\u{e0020}'..='\u{e007e}').contains(&it));
    if tags.len() == after.len() { Some(after) } else { tags.strip_prefix(TAG_END) }
}

fn is_flag_letter(letter: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_is_one_emoji() {
        for emoji in ["👍", "👍🏽", "❤", "❤️", "😀", "1️⃣", "#⃣", "🇫🇮", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🧑🏿‍🚀", "❤️‍🔥", "©️"]
        {
            assert!(is_one_emoji(emoji), "{emoji}");
        }
        for other in [
            "",
            "lol",
            "a",
            "1",
            "#",
            "👍👍",
            "👍 ",
            " 👍",
            "👍a",
            "\u{200d}",
            "👍\u{200d}",
            "\u{fe0f}",
            "🇫",
            "🇫🇮🇫",
            "1\u{fe0f}",
            "ä",
            "漢",
            "<b>",
            "\u{1f44d}\u{e0067}",
            "👍\u{20e3}",
            "\0",
            "👩\u{200d}a",
        ] {
            assert!(!is_one_emoji(other), "{other:?}");
        }
    }
}
