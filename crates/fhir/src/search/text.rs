//! Strings as a search compares them (FHIR R4 search, section 3.1.1.5.8): without case, accents, punctuation and
//! spaces, by their beginning.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Letters and digits of `text` in lower case, without accents: `O'Brien`, `O’BRIEN` and `obrien` are alike, and
/// so are `Núñez` and `nunez`.
#[must_use]
pub fn folded(text: &str) -> String {
    let letters = text
        .nfkd()
        .filter(|character| !is_combining_mark(*character));
    letters
        .flat_map(char::to_lowercase)
        .filter(|character| character.is_alphanumeric())
        .take(MAX_LETTERS)
        .collect()
}

/// The beginnings of a folded text, of one letter up to [`PREFIX_LETTERS`].
pub(super) fn beginnings(folded: &str) -> impl Iterator<Item = &str> {
    let ends = folded
        .char_indices()
        .map(|(at, character)| at + character.len_utf8());
    ends.take(PREFIX_LETTERS)
        .filter_map(|end| folded.get(..end))
}

/// Whether a folded text is longer than any beginning that is indexed. It is then compared whole.
pub(super) fn is_long(folded: &str) -> bool {
    folded.chars().nth(PREFIX_LETTERS).is_some()
}

/// Beginnings longer than this are not in the index: names told apart behind it are rare.
const PREFIX_LETTERS: usize = 16;

/// A name or line of an address is shorter.
const MAX_LETTERS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_name_are_alike() {
        for (one, other) in [
            ("O'Brien", "o’BRIEN"),
            ("Núñez", "NUNEZ"),
            ("Smith-Jones", "smith jones"),
            ("de la Cruz", "De La  Cruz"),
            ("ﬁona", "Fiona"),
            ("\u{212B}ngstrom", "angstrom"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("Quinn"), folded("Quin"));
        assert_eq!(folded(" -'. "), "");
        assert_eq!(folded(&"a".repeat(1000)).len(), MAX_LETTERS);
    }

    #[test]
    fn beginnings_end_between_letters() {
        let all = |text| beginnings(text).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(all("дом"), ["д", "до", "дом"]);
        assert_eq!(all(""), Vec::<String>::new());
        assert_eq!(all("abcdefghijklmnopqrst").len(), PREFIX_LETTERS);
        assert!(is_long("abcdefghijklmnopq") && !is_long("abcdefghijklmnop"));
    }
}
