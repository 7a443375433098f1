//! Scores against those of the libraries that others use.

use proptest::prelude::*;
use serde_json::Value;

use super::Measure;

#[test]
fn scores_are_those_of_rapidfuzz_squad_rouge_score_and_sacrebleu() {
    let all: Value = serde_json::from_str(include_str!("../../tests/golden/similarity.json")).unwrap();
    let mut wrong = Vec::new();
    for pair in all["pairs"].as_array().unwrap() {
        let [actual, expected] = ["actual", "expected"].map(|side| pair[side].as_str().unwrap());
        for measure in Measure::ALL {
            let (ours, theirs) = (measure.score(actual, expected), pair[measure.name()].as_f64().unwrap());
            if (ours - theirs).abs() > 1e-9 {
                wrong.push(format!("{measure:?}: {ours}, not {theirs}: {actual:?} for {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn measures_are_found_by_name_and_a_wrong_name_is_told_the_right_ones() {
    for measure in Measure::ALL {
        assert_eq!(measure.name().parse(), Ok(measure));
    }
    let wrong = "cosine".parse::<Measure>().unwrap_err();
    assert_eq!(
        wrong,
        "`cosine` is no measure of similarity: it is one of levenshtein, token_f1, rouge_l, bleu"
    );
}

#[test]
fn what_a_measure_can_not_see_is_said() {
    for (measure, expected, sees) in [
        (Measure::Levenshtein, "", true),
        (Measure::TokenF1, "退款", true),
        (Measure::RougeL, "退款", false),
        (Measure::RougeL, "退款 A4", true),
        (Measure::Bleu, "退款", true),
        (Measure::Bleu, " \n", false),
    ] {
        assert_eq!(measure.sees(expected), sees, "{measure:?} {expected:?}");
    }
}

#[test]
fn texts_too_long_for_the_whole_table_are_scored_in_pieces_and_never_too_high() {
    let words = |step: usize| -> String {
        (0..40_000).map(|i| ["red ", "of ", "a ", "tin ", "order "][i * step % 977 % 5]).collect()
    };
    let (a, b) = (words(7), words(11));
    for measure in Measure::ALL {
        assert!((0.0..1.0).contains(&measure.score(&a, &b)), "{measure:?}");
    }
    // One letter more in front: the pieces are out of step by one, and the score stays near 1.
    let score = Measure::Levenshtein.score(&format!("x{a}y"), &format!("{a}z"));
    assert!((0.999..1.0).contains(&score), "{score}");
}

#[test]
fn a_score_meets_the_bound_that_it_is_equal_to() {
    // 1 - 9/10 is less than 0.1.
    assert!(Measure::Levenshtein.score("abcdefghij", "aBCDEFGHIJ") >= 0.1);
    for of in 1..40 {
        for same in 0..=of {
            let words =
                |from: usize| (from..from + of).map(|i| format!("w{i}")).collect::<Vec<_>>().join(" ");
            let (a, b) = (words(0), words(of - same));
            let share: f64 = f64::from(u32::try_from(same).unwrap()) / f64::from(u32::try_from(of).unwrap());
            for measure in [Measure::TokenF1, Measure::RougeL] {
                assert!(measure.score(&a, &b) >= share, "{measure:?} {same} of {of}");
            }
        }
    }
}

proptest! {
    #[test]
    fn every_score_is_between_0_and_1(a in "\\PC{0,60}|[a-c .,&<-]{0,60}", b in "\\PC{0,60}|[a-c .,&<-]{0,60}") {
        for measure in Measure::ALL {
            let score = measure.score(&a, &b);
            prop_assert!((0.0..=1.0).contains(&score), "{measure:?} {score}");
        }
        prop_assert!((Measure::Levenshtein.score(&a, &a) - 1.0).abs() < 1e-12);
        let plain = strsim::normalized_levenshtein(&a, &b);
        prop_assert!((Measure::Levenshtein.score(&a, &b) - plain).abs() < 1e-12);
    }
}
