//! What may stand in a name that is shown to others.

use unicode_properties::{GeneralCategory as Of, UnicodeGeneralCategory as _};

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
/// Flags of regions are this and letters that nobody sees.
const BLACK_FLAG: char = '\u{1f3f4}';
const TAGS: std::ops::RangeInclusive<char> = '\u{e0020}'..='\u{e007f}';
/// Letters and signs that leave no mark.
const BLANK: [char; 5] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}'];

/// What is wrong with a name to be shown: characters that control or format the text, by which it could pass for another
/// name, or none that can be seen. Joiners are welcome within emoji and within words of scripts that need them. How long it
/// may be, and whether it may be empty, is for whoever asks.
pub fn name_fault(name: &str) -> Option<&'static str> {
    let mut before = None;
    let mut flag = false;
    let mut seen = name.is_empty();
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter.general_category() {
            Of::Control | Of::LineSeparator | Of::ParagraphSeparator => {
                return Some("control characters are not allowed");
            }
            Of::Format => {
                let between = [before, letters.peek().copied()];
                let joins = [JOINER, NON_JOINER].contains(&letter)
                    && between.iter().all(|it| it.is_some_and(|it| !it.is_ascii() && !is_blank(it)));
                if !(joins || flag && TAGS.contains(&letter)) {
                    return Some("characters that only format the text are not allowed");
                }
            }
            _ => {
                flag = letter == BLACK_FLAG;
                seen = seen || !is_blank(letter) && !is_mark(letter);
            }
        }
        before = Some(letter);
    }
    (!seen).then_some("at least one character that can be seen")
}

fn is_blank(letter: char) -> bool {
    BLANK.contains(&letter)
        || matches!(letter.general_category(), Of::SpaceSeparator | Of::Format | Of::Control)
}

fn is_mark(letter: char) -> bool {
    matches!(letter.general_category(), Of::NonspacingMark | Of::EnclosingMark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_scripts_and_emoji_are_welcome() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let scotland = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}";
        let heart = "\u{2764}\u{fe0f}\u{200d}\u{1f525}";
        let persian = "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}";
        let hindi = "\u{915}\u{94d}\u{200d}\u{937}";
        for name in ["", "Zoë 🦉", "O'Neill-Smith", "李小龙", "محمد", family, scotland, heart, persian, hindi]
        {
            assert_eq!(name_fault(name), None, "{name:?}");
        }
    }

    #[test]
    fn names_that_nobody_sees_or_that_pass_for_others_are_not() {
        let names = [
            "\u{200b}",
            "a\u{200b}b",
            "\u{202e}nnA",
            "Ann\u{202c}",
            "\u{2066}Ann\u{2069}",
            "\u{feff}Ann",
            "A\u{ad}nn",
            "Ann\u{200d}",
            "\u{200d}Ann",
            "A\u{200d}nn",
            "ж\u{200d}\u{200d}ж",
            "\u{e0061}\u{e0062}",
            "a\nb",
            "a\u{2028}b",
            "\u{85}",
            "\u{3164}",
            "\u{2800}\u{2800}",
            "\u{301}",
            "\u{a0}",
            "\u{115f}\u{1160}",
        ];
        for name in names {
            assert!(name_fault(name).is_some(), "{name:?}");
        }
    }
}
