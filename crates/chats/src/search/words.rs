//! Taking a text apart, the same way for what is kept and for what is asked.

use std::collections::HashSet;

use protocol::folded;

/// Characters of a word that count.
const WORD_CHARACTERS: usize = 64;
/// Different words of one message that can be found.
const WORDS: usize = 2_000;

/// The words of a text: runs of letters and digits, without case and accents, each once, in order; the last one last. Where a script
/// puts no spaces between words, every character is one.
pub(super) fn of(text: &str) -> Vec<String> {
    let mut all = Words::default();
    for character in folded(text).chars() {
        if is_unspaced(character) {
            all.end();
            all.word.push(character);
            all.end();
        } else if character.is_alphanumeric() {
            if all.characters < WORD_CHARACTERS {
                all.word.push(character);
            }
            all.characters += 1;
        } else {
            all.end();
        }
    }
    all.end();
    all.found
}

#[derive(Default)]
struct Words {
    found: Vec<String>,
    seen: HashSet<String>,
    word: String,
    /// Of the word, also those that do not count.
    characters: usize,
}

impl Words {
    fn end(&mut self) {
        self.characters = 0;
        let word = std::mem::take(&mut self.word);
        if word.is_empty() {
            return;
        }
        if self.seen.contains(&word) {
            // Moved to the end: the last one is the one that may go on.
            self.found.retain(|known| *known != word);
            self.found.push(word);
        } else if self.found.len() < WORDS {
            self.seen.insert(word.clone());
            self.found.push(word);
        }
    }
}

/// Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar.
fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
        && character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_apart_into_words() {
        for (text, words) in [
            ("Hello, World! hello", &["world", "hello"][..]),
            ("Grüße aus KÖLN", &["grusse", "aus", "koln"]),
            ("a-b_c'd e.f@g", &["a", "b", "c", "d", "e", "f", "g"]),
            ("2026-11-21", &["2026", "11", "21"]),
            ("\"DROP TABLE\" * NEAR(", &["drop", "table", "near"]),
            ("猫と犬", &["猫", "と", "犬"]),
            ("İstanbul", &["istanbul"]),
            ("cafe\u{301}s cafés", &["cafes"]),
            ("👍 \0 \n", &[]),
        ] {
            assert_eq!(of(text), words, "{text:?}");
        }
        assert_eq!(of(&"x".repeat(500)), ["x".repeat(64)]);
        let many: String = (0..3_000).map(|number| format!("{number} ")).collect();
        assert_eq!(of(&many).len(), 2_000);
    }
}
