//! `limits.budget`: what a run may cost, in the workflow's unit.

use rust_decimal::Decimal;

use crate::manifest::names::did_you_mean;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::{Budget, Price, exact, units};
use crate::model::Cost;

/// The unit of cost of a workflow that names none.
const UNIT: &str = "credit";

/// Reads `limits.budget`.
pub(super) fn read(reader: &mut Reader<'_>, entry: Entry, price: Option<&Price>) -> Option<Budget> {
    let whole = entry.clone();
    let mut section = reader.section(entry)?;
    let cost = section.take("cost");
    let tokens = section.take("tokens");
    let cost_per_row = section.take("cost_per_row");
    section.finish(&mut reader.diagnostics);
    if cost.is_none() && tokens.is_none() {
        let help = "write `budget: {cost: 12.5}` or `budget: {tokens: 2000000}`";
        return reader.refuse(&whole, "bounds nothing: it needs `cost` or `tokens`", Some(help));
    }
    if let (Some(entry), None) = (&cost_per_row, &cost) {
        reader.refuse::<()>(entry, "has no meaning without `limits.budget.cost`", Some("leave it out"));
    }
    Some(Budget {
        cost: cost.and_then(|entry| money(reader, &entry, price)),
        tokens: tokens.and_then(|entry| reader.whole(&entry, 0..=u64::MAX)),
        cost_per_row: cost_per_row.and_then(|entry| money(reader, &entry, price)),
    })
}

/// Reads an amount of money and converts it exactly into the workflow's unit.
pub(super) fn money(reader: &mut Reader<'_>, entry: &Entry, price: Option<&Price>) -> Option<Cost> {
    let (amount, unit) = reader.parsed(entry, "an amount of money", units::money)?;
    match convert(amount, unit.as_deref(), price) {
        Ok(amount) => Cost::new(amount).ok(),
        Err((told, help)) => reader.refuse(entry, &told, Some(&help)),
    }
}

/// Converts an amount exactly into the workflow's unit; the error says why that can't be, and how to mend it.
pub(super) fn convert(
    amount: Decimal,
    unit: Option<&str>,
    price: Option<&Price>,
) -> Result<Decimal, (String, String)> {
    let own = price.map_or(UNIT, |price| price.unit.as_str());
    match (unit, price) {
        (None, _) => Ok(amount),
        (Some(unit), _) if unit == own => Ok(amount),
        (Some(unit), Some(price)) if unit == price.currency => exact::divide(amount, price.per_unit)
            .ok_or_else(|| {
                let told = format!("can't be said exactly in {own}: one costs {} {unit}", price.per_unit);
                (told, format!("write the amount in {own}"))
            }),
        (Some(unit), Some(price)) => {
            let told = format!("is in `{unit}`, which `workflow.price` does not define");
            let known = [price.unit.as_str(), price.currency.as_str()];
            Err((told, did_you_mean(unit, &known)))
        }
        (Some(unit), None) => {
            let told = format!("is in `{unit}`, and the manifest has no `workflow.price` to convert it with");
            Err((told, format!("write it in {UNIT}, or say what one is worth: `workflow.price`")))
        }
    }
}
