//! The measures by name.

use std::str::FromStr;

use crate::similarity::{bleu, levenshtein, rouge, squad};

/// A measure of how alike two texts are, from 0 to 1. All tell upper from lower case only where it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// The Levenshtein ratio: 1 - distance / the longer text's length, both in Unicode scalar values; distance counts
    /// insertions, deletions and substitutions, 1 each. Two empty texts are alike (1). The figure of rapidfuzz's
    /// `Levenshtein.normalized_similarity` and of strsim's `normalized_levenshtein`. Tells case apart.
    ///
    /// What both texts begin and end with is set aside first. Where what remains of the one times what remains of the
    /// other is above 2³⁰, the texts are compared in pieces of 8,192 characters, the first with the first and so on: the
    /// score is then at most the true one, and work grows with the length alone.
    Levenshtein,
    /// F1 over the tokens that both have, with their number, after SQuAD's normalisation: lower case, without ASCII
    /// punctuation, without `a`, `an` and `the`, split at white space. When one has no tokens: 1 when neither has, else 0.
    /// A text without spaces, as Chinese is written, is one token.
    TokenF1,
    /// ROUGE-L, the F-measure of the longest common subsequence of tokens, as Google's `rouge_score` gives it without
    /// stemming: lower case, tokens are runs of `a`-`z` and `0`-`9` and nothing else. 0 when either has no tokens.
    ///
    /// Where the one's tokens times the other's are above 2³⁰, they are compared in pieces of 8,192 tokens: the score is
    /// then at most the true one.
    RougeL,
    /// Sentence BLEU up to 4-grams with the 13a tokeniser, exponential smoothing and effective order, as sacrebleu's
    /// `sentence_bleu` gives it by default, divided by 100. Tells case apart.
    Bleu,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 4] = [Self::Levenshtein, Self::TokenF1, Self::RougeL, Self::Bleu];

    /// Its name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Levenshtein => "levenshtein",
            Self::TokenF1 => "token_f1",
            Self::RougeL => "rouge_l",
            Self::Bleu => "bleu",
        }
    }

    /// Scores a text against the expected one, from 0 to 1.
    pub fn score(self, actual: &str, expected: &str) -> f64 {
        match self {
            Self::Levenshtein => levenshtein::ratio(actual, expected),
            Self::TokenF1 => squad::f1(actual, expected),
            Self::RougeL => rouge::f_measure(actual, expected),
            Self::Bleu => bleu::score(actual, expected),
        }
    }

    /// Says whether it can see anything in an expected text: ROUGE-L finds no token where there is neither `a`-`z` nor
    /// `0`-`9`, as in Chinese, and scores 0 whatever the other text is; BLEU finds none in white space.
    pub fn sees(self, expected: &str) -> bool {
        match self {
            Self::Levenshtein | Self::TokenF1 => true,
            Self::RougeL => rouge::has_tokens(expected),
            Self::Bleu => !expected.trim().is_empty(),
        }
    }
}

impl FromStr for Measure {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|measure| measure.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{name}` is no measure of similarity: it is one of {names}")
        })
    }
}
