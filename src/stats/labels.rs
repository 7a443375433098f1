//! How well labels were given: accuracy, precision, recall and F1, and what was taken for what.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use crate::stats::moments::real;

/// So many different labels are told apart; what comes after them is gathered. A model that answers free text where a
/// label is wanted would else have all its answers kept.
pub const MAX_LABELS: usize = 10_000;

/// What was expected against what was given, label by label.
///
/// Where a figure would divide by 0 it is 0: the precision of a label that was never given, the recall of one that was
/// never expected, the F1 of one with neither hits nor misses (scikit-learn's `zero_division=0`).
#[derive(Clone, Debug, Default)]
pub struct Confusion {
    labels: Vec<String>,
    places: HashMap<String, u32>,
    /// By expected and actual.
    counts: BTreeMap<(u32, u32), u64>,
    gathered: Option<u32>,
}

/// A label's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Class {
    /// The label.
    pub label: String,
    /// The share of right ones among those given this label.
    pub precision: f64,
    /// The share of those expected to have this label that were given it.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// How many were expected to have it.
    pub support: u64,
}

/// The confusion matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// The labels, of rows and of columns.
    pub labels: Vec<String>,
    /// A row for each expected label, and in it a count for each actual one.
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Takes one in.
    pub fn add(&mut self, expected: &str, actual: &str) {
        let pair = (self.place(expected), self.place(actual));
        *self.counts.entry(pair).or_default() += 1;
    }

    fn place(&mut self, label: &str) -> u32 {
        if let Some(place) = self.places.get(label) {
            return *place;
        }
        if self.labels.len() >= MAX_LABELS {
            return self.gathering();
        }
        self.push(label.to_owned())
    }

    fn push(&mut self, label: String) -> u32 {
        let place = u32::try_from(self.labels.len()).unwrap_or(u32::MAX);
        self.places.insert(label.clone(), place);
        self.labels.push(label);
        place
    }

    /// The place of what is gathered, under a name that no label has.
    fn gathering(&mut self) -> u32 {
        if let Some(place) = self.gathered {
            return place;
        }
        let name = self.name_of_the_rest();
        self.gather_as(name)
    }

    fn gather_as(&mut self, name: String) -> u32 {
        let place = self.push(name);
        self.gathered = Some(place);
        place
    }

    fn name_of_the_rest(&self) -> String {
        let mut name = "other".to_owned();
        while self.places.get(&name).is_some_and(|place| Some(*place) != self.gathered) {
            name = format!("({name})");
        }
        name
    }

    /// Says whether each label is told apart; else figures over all labels are not known.
    pub fn is_complete(&self) -> bool {
        self.gathered.is_none()
    }

    /// How many were taken in.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The share that was given the label expected; none when nothing was taken in.
    pub fn accuracy(&self) -> Option<f64> {
        let total = self.total();
        // What is gathered is right only when it was the same label, which is no longer known.
        let right = |((e, a), _): &(&(u32, u32), &u64)| e == a && Some(*e) != self.gathered;
        let right: u64 = self.counts.iter().filter(right).map(|(_, count)| count).sum();
        (total > 0).then(|| real(right) / real(total))
    }

    /// The mean F1 of all labels, expected or given, each counting the same (scikit-learn's `average="macro"`); none when
    /// nothing was taken in.
    pub fn macro_f1(&self) -> Option<f64> {
        let classes = self.classes();
        let count = u64::try_from(classes.len()).ok().filter(|count| *count > 0)?;
        Some(classes.iter().map(|class| class.f1).sum::<f64>() / real(count))
    }

    /// The figures of each label, expected or given, in the labels' order; what is gathered comes last.
    pub fn classes(&self) -> Vec<Class> {
        let mut sums: HashMap<u32, (u64, u64, u64)> = HashMap::new();
        for ((expected, actual), count) in &self.counts {
            sums.entry(*expected).or_default().0 += count;
            sums.entry(*actual).or_default().1 += count;
            if expected == actual && Some(*expected) != self.gathered {
                sums.entry(*expected).or_default().2 += count;
            }
        }
        let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { real(part) / real(whole) };
        let class = |(place, label): (u32, &str)| {
            let (support, given, hits) = sums.get(&place).copied().unwrap_or_default();
            Class {
                label: label.to_owned(),
                precision: ratio(hits, given),
                recall: ratio(hits, support),
                f1: ratio(2 * hits, support + given),
                support,
            }
        };
        self.in_order().into_iter().map(class).collect()
    }

    /// The confusion matrix over all labels, in their order; what is gathered comes last.
    pub fn matrix(&self) -> Matrix {
        let order = self.in_order();
        let row = |expected: u32| {
            let count = |actual: &(u32, &str)| self.counts.get(&(expected, actual.0)).copied().unwrap_or(0);
            order.iter().map(count).collect()
        };
        Matrix {
            labels: order.iter().map(|(_, label)| (*label).to_owned()).collect(),
            counts: order.iter().map(|(expected, _)| row(*expected)).collect(),
        }
    }

    /// Gives the same with at most `most` labels, for showing: those that are expected or given least often are gathered
    /// into one, `other`, or `(other)` when a label has that name. Its figures are not those of the whole: take accuracy and macro-F1 before.
    #[must_use]
    pub fn gathered(&self, most: usize) -> Self {
        if self.labels.len() <= most {
            return self.clone();
        }
        let mut weights: HashMap<u32, (u64, u64)> = HashMap::new();
        for ((expected, actual), count) in &self.counts {
            weights.entry(*expected).or_default().0 += count;
            weights.entry(*actual).or_default().1 += count;
        }
        let mut order = self.in_order();
        order.retain(|(place, _)| Some(*place) != self.gathered);
        order.sort_by_key(|(place, _)| std::cmp::Reverse(weights.get(place).copied().unwrap_or_default()));
        order.truncate(most.saturating_sub(1));
        let kept: HashSet<u32> = order.iter().map(|(place, _)| *place).collect();
        let mut fewer = Self::default();
        let mut moved = HashMap::new();
        for (place, label) in self.in_order().into_iter().filter(|(place, _)| kept.contains(place)) {
            moved.insert(place, fewer.push(label.to_owned()));
        }
        // Subtle: a label of that name may be among those that are gathered.
        let rest = fewer.gather_as(self.name_of_the_rest());
        for ((expected, actual), count) in &self.counts {
            let to = |place| moved.get(place).copied().unwrap_or(rest);
            *fewer.counts.entry((to(expected), to(actual))).or_default() += count;
        }
        fewer
    }

    /// The labels with their places, in the order of their characters; what is gathered comes last.
    fn in_order(&self) -> Vec<(u32, &str)> {
        let mut order: Vec<(u32, &str)> = (0..).zip(self.labels.iter().map(String::as_str)).collect();
        order.sort_unstable_by_key(|(place, label)| (Some(*place) == self.gathered, *label));
        order
    }
}
