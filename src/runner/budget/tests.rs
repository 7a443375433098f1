use super::*;

fn money(text: &str) -> Option<Cost> {
    (!text.is_empty()).then(|| text.parse().unwrap())
}

/// A budget of money of which `spent` is reported, and `set_aside` not settled; `_` stands for a send without a
/// reservation. `largest` and `per_row` are empty when unknown.
fn spend(limit: &str, per_row: &str, spent: &str, set_aside: &str, largest: &str) -> Result<String, String> {
    let budget = Budget { cost: money(limit), tokens: None, cost_per_row: money(per_row) };
    let mut reserved = Reserved::default();
    for part in set_aside.split_whitespace() {
        reserved.add(Reservation { cost: money(part.trim_matches('_')), tokens: None });
    }
    let largest = Reservation { cost: money(largest), tokens: None };
    let spent = Spent { cost: money(spent).unwrap(), tokens: 0, largest, reserved };
    let found = reserve(&budget, &spent).map_err(|short| short.to_string())?;
    Ok(found.cost.map_or_else(String::new, |cost| cost.to_string()))
}

fn check(limit: &str, per_row: &str, spent: &str, set_aside: &str, largest: &str, expected: Option<&str>) {
    let found = spend(limit, per_row, spent, set_aside, largest).ok();
    assert_eq!(found.as_deref(), expected, "{limit} {per_row:?} {spent} {set_aside:?} {largest:?}");
}

#[test]
fn a_row_is_sent_when_what_it_may_cost_still_fits() {
    // What the user says bounds a row, whatever was seen.
    check("10", "2", "0", "", "", Some("2"));
    check("10", "2", "8", "", "1", Some("2"));
    check("10", "2", "8.01", "", "1", None);
    check("10", "2", "4", "2 2", "", Some("2"));
    check("10", "2", "4", "2 2 2", "", None);
    check("0", "0", "0", "", "", Some("0"));
    check("1", "2", "0", "", "", None);
    // Sends of a time without a budget count as what a row may cost.
    check("10", "2", "4", "_ _", "", Some("2"));
    check("10", "2", "4", "_ _ 1", "", None);
    // Without a bound, the dearest so far.
    check("10", "", "9", "", "1", Some("1"));
    check("10", "", "9", "", "1.01", None);
    check("10", "", "3", "2 _ _", "1.5", Some("1.5"));
    check("10", "", "3", "2 _ _", "1.7", None);
    check("10", "", "10", "", "0", Some("0"));
}

#[test]
fn while_nothing_is_known_only_a_few_are_sent() {
    check("10", "", "0", "", "", Some(""));
    check("10", "", "0", "_ _ _", "", Some(""));
    check("10", "", "0", "_ _ _ _", "", None);
    check("0", "", "0", "", "", None);
}

#[test]
fn what_does_not_add_up_exactly_is_not_affordable() {
    let (large, small) = ("7922816251426433759354395033.5", "0.0000000000000000000000000001");
    check("7922816251426433759354395033", small, "7922816251426433759354395000", "", "", None);
    check(large, "1", "0", &format!("{large} {small}"), "", None);
    check(large, "7922816251426433759354395033", "0", &"_ ".repeat(50), "", None);
}

#[test]
fn tokens_are_bounded_like_money() {
    let reserve = |limit, tokens, largest: Option<u64>, set_aside: &[u64]| {
        let budget = Budget { cost: None, tokens: Some(limit), cost_per_row: None };
        let mut reserved = Reserved::default();
        for tokens in set_aside {
            reserved.add(Reservation { cost: None, tokens: Some(*tokens) });
        }
        let largest = Reservation { cost: None, tokens: largest };
        reserve(&budget, &Spent { cost: Cost::ZERO, tokens, largest, reserved }).map(|found| found.tokens)
    };
    assert_eq!(reserve(100, 0, None, &[]), Ok(None));
    assert_eq!(reserve(100, 60, Some(20), &[20]), Ok(Some(20)));
    assert!(reserve(100, 60, Some(21), &[20]).is_err());
    assert!(reserve(u64::MAX, 1, Some(1), &[u64::MAX, 1]).is_err(), "a sum that does not fit");
}

#[test]
fn the_reason_names_the_figures_and_the_way_on() {
    let told = spend("10", "2", "7.5", "1", "").unwrap_err();
    assert_eq!(
        told,
        "the budget of 10 (`limits.budget.cost`) does not allow another row: 7.5 spent, 1 set aside for rows whose \
         cost is unknown, 2 needed for the next; `resume --set limits.budget.cost=…` goes on with more"
    );
    let told = spend("10", "", "0", "_ _ _ _", "").unwrap_err();
    assert!(told.contains("`resume --set limits.budget.cost_per_row=…`"), "{told}");
}
