//! Figures against those of the libraries that others use, and errors of both kinds over many seeds.

use proptest::prelude::*;
use serde_json::Value;

use super::wilson::two_sided_quantile;
use super::*;

fn golden(part: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../tests/golden/stats.json")).unwrap();
    all[part].as_array().unwrap().clone()
}

fn list<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

#[track_caller]
fn near(ours: f64, theirs: &Value, case: &Value) {
    let theirs = theirs.as_f64().unwrap();
    assert!((ours - theirs).abs() <= (1e-9 * theirs.abs()).max(1e-15), "{ours} is not {theirs}: {case}");
}

#[test]
fn quantiles_are_scipys() {
    for case in golden("quantiles") {
        near(two_sided_quantile(case["confidence"].as_f64().unwrap()), &case["z"], &case);
    }
}

#[test]
fn wilson_intervals_are_those_of_statsmodels() {
    for case in golden("wilson") {
        let [passed, total] = ["passed", "total"].map(|key| case[key].as_u64().unwrap());
        let ours = wilson(passed, total, case["confidence"].as_f64().unwrap()).unwrap();
        near(ours.low, &case["low"], &case);
        near(ours.high, &case["high"], &case);
    }
}

#[test]
fn p_of_mcnemars_exact_test_is_that_of_statsmodels() {
    for case in golden("paired") {
        let [first, second] = ["only_first", "only_second"].map(|key| case[key].as_u64().unwrap());
        let (ours, theirs) = (mcnemar(first, second), case["p"].as_f64().unwrap());
        assert!((ours - theirs).abs() <= 1e-9 * theirs, "{ours} is not {theirs}: {case}");
    }
}

#[test]
fn metrics_of_labels_are_those_of_scikit_learn() {
    for case in golden("labels") {
        let (expected, actual): (Vec<String>, Vec<String>) = (list(&case["expected"]), list(&case["actual"]));
        let mut confusion = Confusion::default();
        expected.iter().zip(&actual).for_each(|(expected, actual)| confusion.add(expected, actual));
        near(confusion.accuracy().unwrap(), &case["accuracy"], &case);
        near(confusion.macro_f1().unwrap(), &case["macro_f1"], &case);
        let matrix = confusion.matrix();
        assert_eq!(matrix.labels, list::<String>(&case["labels"]));
        assert_eq!(matrix.counts, list::<Vec<u64>>(&case["counts"]));
        let classes = confusion.classes();
        assert_eq!(classes.len(), matrix.labels.len());
        for (at, class) in classes.iter().enumerate() {
            assert_eq!(class.label, matrix.labels[at]);
            near(class.precision, &case["precision"][at], &case);
            near(class.recall, &case["recall"][at], &case);
            near(class.f1, &case["f1"][at], &case);
            assert_eq!(class.support, case["support"][at].as_u64().unwrap());
        }
    }
}

#[test]
fn labels_beyond_those_shown_are_gathered_and_none_is_lost() {
    let mut confusion = Confusion::default();
    for (expected, actual, times) in [("a", "a", 5), ("b", "other", 3), ("c", "c", 2), ("d", "e", 1)] {
        (0..times).for_each(|_| confusion.add(expected, actual));
    }
    let few = confusion.gathered(3);
    assert_eq!(few.matrix().labels, ["a", "b", "(other)"]);
    assert_eq!(few.matrix().counts, [[5, 0, 0], [0, 0, 3], [0, 0, 3]]);
    assert_eq!(few.total(), confusion.total());
    assert_eq!(confusion.gathered(6).matrix(), confusion.matrix());
    assert_eq!(confusion.gathered(0).matrix().counts, [[11]]);
    // A label of that name is not mixed up with what is gathered.
    (0..9).for_each(|_| confusion.add("other", "other"));
    assert_eq!(confusion.gathered(3).matrix().labels, ["a", "other", "(other)"]);
}

#[test]
fn what_is_gathered_is_not_called_by_the_name_of_a_label_that_is_gathered() {
    let mut confusion = Confusion::default();
    for (label, times) in [("a", 5), ("b", 4), ("c", 2), ("other", 1)] {
        (0..times).for_each(|_| confusion.add(label, label));
    }
    assert_eq!(confusion.gathered(3).matrix().labels, ["a", "b", "(other)"]);
}

#[test]
fn labels_without_end_take_bounded_room_and_never_count_as_right() {
    let mut confusion = Confusion::default();
    for at in 0..MAX_LABELS + 500 {
        confusion.add(&at.to_string(), &at.to_string());
    }
    assert_eq!(confusion.classes().len(), MAX_LABELS + 1);
    assert_eq!(confusion.total(), 10_500);
    assert_eq!(confusion.accuracy(), Some(10_000.0 / 10_500.0));
}

#[test]
fn bootstrap_intervals_are_those_of_numpys_percentiles_and_near_scipys() {
    for case in golden("differences") {
        let values: Vec<f64> = list(&case["values"]);
        let how = Resampling {
            seed: case["seed"].as_str().unwrap().parse().unwrap(),
            confidence: case["confidence"].as_f64().unwrap(),
            resamples: u32::try_from(case["resamples"].as_u64().unwrap()).unwrap(),
        };
        let ours = paired_bootstrap(&values, &how).unwrap();
        let interval = ours.interval.unwrap();
        near(ours.mean, &case["mean"], &case);
        near(interval.low, &case["low"], &case);
        near(interval.high, &case["high"], &case);
        if let Some(theirs) = case["scipy"].as_array() {
            let [low, high] = [0, 1].map(|at| theirs[at].as_f64().unwrap());
            let off = (interval.low - low).abs().max((interval.high - high).abs());
            assert!(off < (high - low) * 0.05, "{interval:?} is far from {low}..{high}");
        }
    }
}

#[test]
fn repeats_are_counted_as_the_papers_define_it() {
    for case in golden("repeats") {
        let [total, passed, k] = ["total", "passed", "k"].map(|key| case[key].as_u64().unwrap());
        near(pass_at_k(total, passed, k).unwrap(), &case["pass_at_k"], &case);
        near(pass_hat_k(total, passed, k).unwrap(), &case["pass_hat_k"], &case);
    }
}

#[test]
fn kappas_are_those_of_statsmodels() {
    for case in golden("kappas") {
        near(fleiss_kappa(&list::<Vec<u32>>(&case["rows"])).unwrap(), &case["kappa"], &case);
    }
}

#[test]
fn moments_are_numpys() {
    for case in golden("moments") {
        let ours: Moments = list::<f64>(&case["values"]).into_iter().collect();
        near(ours.mean().unwrap(), &case["mean"], &case);
        near(ours.variance().unwrap(), &case["variance"], &case);
        near(ours.deviation().unwrap().powi(2), &case["variance"], &case);
        let interval = ours.interval(0.9).unwrap();
        near(interval.low, &case["normal"][0], &case);
        near(interval.high, &case["normal"][1], &case);
    }
}

#[test]
fn bins_are_numpys() {
    for case in golden("bins") {
        let values: Vec<f64> = list(&case["values"]);
        let count = u32::try_from(case["count"].as_u64().unwrap()).unwrap();
        let (linear, log) = (Bins::linear_of(&values, count).unwrap(), Bins::log_of(&values, count).unwrap());
        for (ours, theirs) in [(linear, &case["linear"]), (log, &case["log"])] {
            let bins: Vec<Bin> = ours.bins().collect();
            let counts: Vec<u64> = bins.iter().map(|bin| bin.count).collect();
            assert_eq!(counts, list::<u64>(&theirs["counts"]), "{case}");
            for (at, bin) in bins.iter().enumerate() {
                near(bin.from, &theirs["edges"][at], &case);
                near(bin.to, &theirs["edges"][at + 1], &case);
            }
            assert_eq!((ours.below(), ours.above()), (0, 0));
        }
    }
}

#[test]
fn what_can_not_be_said_is_none() {
    assert_eq!(wilson(0, 0, 0.95), None);
    assert_eq!(wilson(2, 1, 0.95), None);
    for confidence in [0.0, 1.0, -1.0, f64::NAN] {
        assert_eq!(wilson(1, 2, confidence), None);
    }
    let empty = Confusion::default();
    assert_eq!((empty.accuracy(), empty.macro_f1(), empty.classes().len()), (None, None, 0));
    assert_eq!(empty.matrix(), Matrix::default());
    assert_eq!(paired_bootstrap(&[], &Resampling::of(0, 1)), None);
    assert_eq!(paired_bootstrap(&[f64::NAN], &Resampling::of(1, 1)), None);
    assert_eq!(paired_bootstrap(&[f64::MAX, f64::MAX], &Resampling::of(2, 1)), None);
    let few = paired_bootstrap(&[1.0; MIN_PAIRS - 1], &Resampling::of(9, 1)).unwrap();
    assert_eq!((few.mean, few.is_significant()), (1.0, None));
    assert_eq!((pass_at_k(1, 2, 1), pass_hat_k(1, 2, 1)), (None, None));
    assert_eq!((pass_at_k(3, 1, 4), pass_hat_k(3, 1, 0)), (None, None));
    assert_eq!((agreement(&[]), agreement(&[0, 0]), agreement(&[1, 2, 1])), (None, None, Some(0.5)));
    for rows in [&[][..], &[vec![]], &[vec![1]], &[vec![2], vec![1, 2]], &[vec![0, 3], vec![0, 3]]] {
        assert_eq!(fleiss_kappa(rows), None, "{rows:?}");
    }
    let none = Moments::default();
    assert_eq!((none.mean(), none.variance()), (None, None));
    assert_eq!(none.interval(0.95), None);
    let one: Moments = [1.0, f64::NAN].into_iter().collect();
    assert_eq!((one.mean(), one.variance(), one.count()), (Some(1.0), None, 1));
    assert_eq!(Bins::linear_of(&[], 5), None);
    assert_eq!(Bins::linear_of(&[1.0], 0), None);
    assert_eq!(Bins::linear(-f64::MAX, f64::MAX, 5), None);
    assert_eq!(Bins::log_of(&[0.0, -1.0], 5), None);
    let same = Bins::log_of(&[2.0, 2.0, 0.0], 5).unwrap();
    assert_eq!(same.bins().collect::<Vec<_>>(), [Bin { from: 2.0, to: 2.0, count: 2 }]);
    assert_eq!((same.below(), same.above(), same.highest()), (1, 0, 2));
}

#[test]
fn an_interval_is_written_as_its_two_ends() {
    let interval = Interval { low: 0.25, high: 1.0 };
    assert_eq!(serde_json::to_string(&interval).unwrap(), "[0.25,1.0]");
}

proptest! {
    #[test]
    fn nothing_panics_whatever_the_counts(a in any::<u64>(), b in any::<u64>(), k in 0_u64..50, c in any::<f64>()) {
        let p = mcnemar(a, b);
        prop_assert!((0.0..=1.0).contains(&mcnemar_worse(a, b)));
        prop_assert!((0.0..=1.0).contains(&p));
        prop_assert_eq!(p.to_bits(), mcnemar(b, a).to_bits());
        if let Some(interval) = wilson(a.min(b), a.max(b), c.abs().fract()) {
            prop_assert!(0.0 <= interval.low && interval.low <= interval.high && interval.high <= 1.0);
        }
        for share in [pass_at_k(a, b, k), pass_hat_k(a, b, k)].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&share), "{}", share);
        }
    }

    #[test]
    fn no_value_is_lost_in_bins(values in proptest::collection::vec(any::<f64>(), 0..40), count in 0_u32..9) {
        for bins in [Bins::linear_of(&values, count), Bins::log_of(&values, count)].into_iter().flatten() {
            let counted: u64 = bins.bins().map(|bin| bin.count).sum();
            let numbers = values.iter().filter(|value| !value.is_nan()).count() as u64;
            prop_assert_eq!(counted + bins.below() + bins.above(), numbers);
        }
    }
}

/// Two runs over the same rows: each row has its own chance to pass, lowered by `worse` in the second.
fn runs(seed: u64, rows: usize, worse: f64) -> Vec<(bool, bool)> {
    let mut draw = fastrand::Rng::with_seed(seed);
    let row = |_| {
        let chance = 0.5 + 0.5 * draw.f64();
        (draw.f64() < chance, draw.f64() < chance - worse)
    };
    (0..rows).map(row).collect()
}

fn called_different(seed: u64, worse: f64) -> (bool, bool) {
    let runs = runs(seed, 120, worse);
    let count = |want| runs.iter().filter(|pair| **pair == want).count() as u64;
    let p = mcnemar(count((true, false)), count((false, true)));
    let differences: Vec<f64> = runs.iter().map(|(a, b)| f64::from(*b) - f64::from(*a)).collect();
    let how = Resampling { resamples: 400, ..Resampling::of(differences.len(), seed) };
    (p < 0.05, paired_bootstrap(&differences, &how).unwrap().is_significant().unwrap())
}

fn times(worse: f64) -> (usize, usize) {
    let called: Vec<_> = (0..300).map(|seed| called_different(seed, worse)).collect();
    (called.iter().filter(|(exact, _)| *exact).count(), called.iter().filter(|(_, drawn)| *drawn).count())
}

#[test]
fn a_null_change_is_called_a_difference_about_as_often_as_stated() {
    // 5 % of 300 is 15, with a standard deviation of 3.8: three of them above is 26. McNemar's exact test stays below.
    let (exact, drawn) = times(0.0);
    assert!(exact <= 15, "{exact} of 300");
    assert!((4..=26).contains(&drawn), "{drawn} of 300");
}

#[test]
fn a_change_of_the_smallest_size_is_found_about_eight_times_of_ten() {
    for (pairs, discordant) in [(200_u32, 20_u32), (400, 80), (150, 0)] {
        let change = smallest_change(pairs.into(), f64::from(discordant)).unwrap();
        let both = (f64::from(discordant) / f64::from(pairs)).max(change);
        let (lost, won) = (f64::midpoint(both, change), (both - change) / 2.0);
        let mut draw = fastrand::Rng::with_seed(pairs.into());
        let found = (0..300).filter(|_| {
            let drawn: Vec<f64> = (0..pairs).map(|_| draw.f64()).collect();
            let lost_rows = drawn.iter().filter(|at| **at < lost).count() as u64;
            let won_rows = drawn.iter().filter(|at| **at >= lost && **at < lost + won).count() as u64;
            mcnemar(lost_rows, won_rows) < 0.05
        });
        // The exact test finds a little less than the approximation promises.
        let found = found.count();
        assert!((190..275).contains(&found), "{found} of 300 at {change} of {pairs}");
    }
    assert_eq!(
        (smallest_change(0, 0.0), smallest_change(3, 4.0), smallest_change(3, 0.0)),
        (None, None, None)
    );
    assert!(smallest_change(10_000, 500.0) < smallest_change(1_000, 50.0));
}

#[test]
fn a_planted_regression_is_found() {
    let (exact, drawn) = times(0.3);
    assert!(exact >= 285 && drawn >= 285, "{exact} and {drawn} of 300");
}

/// C(n, k) / 2^n, by its factors.
fn even_chance(n: u32, k: u32) -> f64 {
    (0..k).map(|i| f64::from(n - i) / f64::from(i + 1)).product::<f64>() / 2_f64.powf(f64::from(n))
}

#[test]
fn the_one_sided_p_is_the_share_of_splits_at_least_so_uneven_to_the_worse() {
    for n in 0..=20_u32 {
        for worse in 0..=n {
            let expected: f64 = (worse..=n).map(|k| even_chance(n, k)).sum();
            let [lost, won] = [worse, n - worse].map(u64::from);
            let found = mcnemar_worse(lost, won);
            assert!((found - expected).abs() < 1e-12, "{worse} of {n}: {found} for {expected}");
            if lost > won {
                assert!((2.0 * found - mcnemar(lost, won)).abs() < 1e-12);
            }
        }
    }
    assert!(mcnemar_worse(u64::MAX, 0).abs() < 1e-300 && (mcnemar_worse(0, u64::MAX) - 1.0).abs() < 1e-12);
}

#[test]
fn p_of_one_side_and_of_flipped_signs_is_that_of_scipy() {
    for case in golden("one_sided") {
        let [worse, better] = ["worse", "better"].map(|key| case[key].as_u64().unwrap());
        near(mcnemar_worse(worse, better), &case["p"], &case);
    }
    for case in golden("sign_flips") {
        let differences: Vec<f64> = list(&case["differences"]);
        let ours = sign_flips(&differences, &Resampling::of(differences.len(), 1));
        near(ours.two_sided, &case["two_sided"], &case);
        near(ours.lower, &case["lower"], &case);
    }
}

fn flipped(lost: usize, won: usize, zeros: usize, seed: u64) -> SignFlips {
    let all = [vec![-1.0; lost], vec![1.0; won], vec![0.0; zeros], vec![f64::NAN]].concat();
    sign_flips(&all, &Resampling::of(all.len(), seed))
}

#[test]
fn flipping_signs_of_single_answers_is_mcnemars_test() {
    for (lost, won) in [(0, 0), (5, 0), (6, 0), (3, 9), (8, 8), (16, 0), (1, 4)] {
        let found = flipped(lost, won, 30, 1);
        let exact = (mcnemar(lost as u64, won as u64), mcnemar_worse(lost as u64, won as u64));
        assert!((found.two_sided - exact.0).abs() < 1e-12, "{lost} {won}: {found:?} {exact:?}");
        assert!((found.lower - exact.1).abs() < 1e-12, "{lost} {won}: {found:?} {exact:?}");
    }
    // Drawn beyond sixteen: within the chance of 10,000 draws.
    for (lost, won) in [(15, 5), (30, 20), (12, 40)] {
        let (found, exact) = (flipped(lost, won, 5, 7), mcnemar(lost as u64, won as u64));
        assert!((found.two_sided - exact).abs() < 0.015, "{lost} {won}: {found:?} {exact}");
        assert!((found.lower - mcnemar_worse(lost as u64, won as u64)).abs() < 0.015);
        assert_eq!(found, flipped(lost, won, 5, 7), "the same seed gives the same p");
    }
    let many = sign_flips_of_many(-196.0, 10_000.0);
    assert!((many.two_sided - 0.049_996).abs() < 1e-5 && (many.lower - 0.024_998).abs() < 1e-5, "{many:?}");
    let many = sign_flips_of_many(100.0, 10_000.0);
    assert!((many.lower - 0.841_345).abs() < 1e-5, "{many:?}");
    assert_eq!(sign_flips_of_many(0.0, 0.0).two_sided.to_bits(), 1.0_f64.to_bits());
    assert!(sign_flips_of_many(-5_000.0, 10_000.0).two_sided < 1e-12);
}

/// How often of 400 a change is called significant: records with a chance of their own to pass, the same in all answers to them (and mostly
/// the same answer), asked `before` times in the one run and `now` times in the other.
fn called_with_repeats(records: usize, before: u32, now: u32, worse: f64) -> (usize, usize) {
    let called = (0..400).map(|seed| {
        let mut draw = fastrand::Rng::with_seed(seed);
        let differences: Vec<f64> = (0..records)
            .map(|_| {
                // Near 0 or 1 most often: the answers to one record are alike.
                let chance: f64 =
                    if draw.f64() < 0.3 { draw.f64() } else { f64::from(u8::from(draw.f64() < 0.8)) };
                let mut share = |times: u32, chance: f64| {
                    f64::from((0..times).map(|_| u32::from(draw.f64() < chance)).sum::<u32>())
                        / f64::from(times)
                };
                share(now, chance - worse) - share(before, chance)
            })
            .collect();
        let how = Resampling { resamples: 500, ..Resampling::of(records, seed) };
        let p = sign_flips(&differences, &how);
        (p.two_sided < 0.05, p.lower < 0.05)
    });
    called.fold((0, 0), |(two, one), (is_two, is_one)| (two + usize::from(is_two), one + usize::from(is_one)))
}

#[test]
fn repeated_answers_to_the_same_records_do_not_make_a_null_change_significant() {
    // 5 % of 400 is 20, with a standard deviation of 4.4: three of them above is 33.
    for (records, before, now) in
        [(60, 5, 5), (200, 3, 3), (60, 1, 5), (60, 5, 1), (200, 1, 10), (25, 20, 20)]
    {
        let (two, one) = called_with_repeats(records, before, now, 0.0);
        assert!(two <= 33 && one <= 33, "{records} records {before} and {now} times: {two} and {one} of 400");
    }
    let (two, one) = called_with_repeats(120, 5, 5, 0.12);
    assert!(two >= 380 && one >= 380, "{two} and {one} of 400");
}
