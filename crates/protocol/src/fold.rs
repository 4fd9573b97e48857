//! Texts in the one form that searches compare: no case, no accents.

use unicode_normalization::UnicodeNormalization;

/// Letters as they are searched: in lower case, ligatures and other forms of compatibility taken apart (NFKD), without
/// accents. By way of capitals, which makes one of ß and ss, of ς and σ. What belongs to a letter in its script, as the
/// vowel signs of India or the voiced kana, stays.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let plain = text.nfkd().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    plain.filter(|character| !is_accent(*character)).nfc().collect()
}

/// Marks that any letter may bear, and the vowel points of Hebrew and Arabic, which mostly go unwritten.
fn is_accent(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036f}' | '\u{0591}'..='\u{05bd}' | '\u{05bf}' | '\u{05c1}' | '\u{05c2}' | '\u{05c4}'
        | '\u{05c5}' | '\u{05c7}' | '\u{0640}' | '\u{064b}'..='\u{0652}' | '\u{0670}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn what_is_written_differently_is_found_alike() {
        for (one, other) in [
            ("José", "jose"),
            ("Jose\u{301}", "JOSÉ"),
            ("Straße", "STRASSE"),
            ("Ångström", "angstrom"),
            ("İstanbul ISPARTA", "istanbul isparta"),
            ("Λόγος", "ΛΟΓΟΣ"),
            ("ёлка", "ЕЛКА"),
            ("Việt Nam", "viet nam"),
            ("ﬁnance Ｋｉｔｈ", "finance kith"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert_eq!(folded("Größe №5"), "grosse no5");
    }

    #[test]
    fn what_differs_stays_different() {
        for (one, other) in [("が", "か"), ("कि", "का"), ("한", "하"), ("ø", "o"), ("ł", "l"), ("й", "ы")]
        {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
        for same in ["猫と犬", "한국어", "हिन्दी", "ไทย", "ガ"] {
            assert_eq!(folded(same), same);
            assert_eq!(folded(&folded(same)), same);
        }
    }
}
