//! Numbers of several runs, as one table.

use std::fmt;

/// What one row has measured, one number a run.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What was measured, with its unit.
    pub(crate) what: String,
    /// The mesh under test.
    pub(crate) ours: Vec<f64>,
    /// What stands beside it; empty where nothing does.
    pub(crate) floor: Vec<f64>,
    /// What the mesh is to reach.
    pub(crate) wanted: &'static str,
}

/// Rows, as people read them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Row {
    /// A row without numbers.
    pub(crate) fn new(what: impl Into<String>, wanted: &'static str) -> Self {
        Self { what: what.into(), ours: Vec::new(), floor: Vec::new(), wanted }
    }

    /// The median of the ratios of each run: what disturbs a run disturbs both sides of it.
    fn ratio(&self) -> Option<f64> {
        let ratios: Vec<_> = self.ours.iter().zip(&self.floor).map(|(ours, floor)| ours / floor).collect();
        median(&ratios)
    }
}

impl Table {
    /// Adds a row at the end.
    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds rows at the end.
    pub(crate) fn extend(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.rows.extend(rows);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
        let titles = ["ours", "(least", "most)", "floor", "ratio"];
        write!(f, "{:width$}", "")?;
        titles.iter().try_for_each(|title| write!(f, " {title:>9}"))?;
        writeln!(f, "  wanted")?;
        for row in &self.rows {
            let least = row.ours.iter().copied().reduce(f64::min);
            let most = row.ours.iter().copied().reduce(f64::max);
            write!(f, "{:width$}", row.what)?;
            for number in [median(&row.ours), least, most, median(&row.floor), row.ratio()] {
                write!(f, " {:>9}", number.map_or_else(|| "-".into(), number_text))?;
            }
            writeln!(f, "  {}", row.wanted)?;
        }
        Ok(())
    }
}

/// Three digits that count.
fn number_text(number: f64) -> String {
    match number.abs() {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        1.0.. => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

/// The one in the middle; of an even number of them, the mean of the two.
pub(crate) fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    Some(if sorted.len() % 2 == 1 { upper } else { (sorted[sorted.len() / 2 - 1] + upper) / 2.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_row_shows_median_range_floor_and_ratio() {
        let mut table = Table::default();
        table.push(Row { what: "way".into(), ours: vec![10.0, 30.0, 20.0], floor: vec![1.0; 3], wanted: "<= 2.5 x" });
        let text = table.to_string();
        let words: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(words, ["way", "20.0", "10.0", "30.0", "1.00", "20.0", "<=", "2.5", "x"]);
    }
}
