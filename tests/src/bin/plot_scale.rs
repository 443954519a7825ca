//! Draws what `sim_scale` printed: `plot_scale CSV DIRECTORY` writes `agree.svg` and `messages.svg` there.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

/// The size of a picture, in pixels.
const SIZE: (u32, u32) = (820, 460);

/// One line of a plot: its name, and where in the table its values are. The values of several columns are added up.
struct Line {
    name: &'static str,
    columns: &'static [&'static str],
    colour: RGBColor,
}

const TIMES: [Line; 3] = [
    Line { name: "leader killed: all agree on the next", columns: &["agree_ms"], colour: RGBColor(200, 60, 40) },
    Line { name: "all join at once: all are members", columns: &["join_ms"], colour: RGBColor(40, 90, 180) },
    Line { name: "... and linked, with one roster", columns: &["rest_ms"], colour: RGBColor(60, 150, 90) },
];

const MESSAGES: [Line; 4] = [
    Line { name: "leader killed: elections", columns: &["agree_elections"], colour: RGBColor(200, 60, 40) },
    Line { name: "leader killed: link states", columns: &["agree_links"], colour: RGBColor(230, 150, 40) },
    Line { name: "all join at once: link states", columns: &["join_links"], colour: RGBColor(40, 90, 180) },
    Line {
        name: "all join at once: everything else",
        columns: &["join_elections", "join_rest"],
        colour: RGBColor(120, 120, 120),
    },
];

/// A table with a row for each size of a group.
struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<f64>>,
}

impl Table {
    fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut lines = text.lines();
        let heads = lines.next().ok_or("the table is empty")?.split(',').map(String::from).collect();
        let row = |line: &str| line.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>();
        Ok(Self { heads, rows: lines.map(row).collect::<Result<_, _>>()? })
    }

    fn column(&self, head: &str) -> Result<Vec<f64>, Box<dyn Error>> {
        let at =
            self.heads.iter().position(|other| other == head).ok_or_else(|| format!("there is no column {head}"))?;
        Ok(self.rows.iter().filter_map(|row| row.get(at).copied()).collect())
    }

    /// Size and value of each row. What is 0 has no place on a logarithmic scale, and is drawn at 1.
    fn points(&self, columns: &[&str]) -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
        let peers = self.column("peers")?;
        let mut sums = vec![0.0; peers.len()];
        for column in columns {
            for (sum, value) in sums.iter_mut().zip(self.column(column)?) {
                *sum += value;
            }
        }
        Ok(peers.into_iter().zip(sums).map(|(peers, sum)| (peers, f64::max(sum, 1.0))).collect())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [csv, directory] = &arguments[..] else {
        return Err("usage: plot_scale CSV DIRECTORY".into());
    };
    let text = std::fs::read_to_string(csv).map_err(|error| format!("cannot read {csv}: {error}"))?;
    let table = Table::parse(&text)?;
    let directory = Path::new(directory);
    draw(&directory.join("agree.svg"), "simulated time", "ms", &TIMES, &table)?;
    draw(&directory.join("messages.svg"), "messages, all peers together", "messages", &MESSAGES, &table)
}

/// Draws lines over the size of the group, on logarithmic scales.
fn draw(path: &Path, title: &str, unit: &str, lines: &[Line], table: &Table) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let points = lines.iter().map(|line| table.points(line.columns)).collect::<Result<Vec<_>, _>>()?;
    let (mut widest, mut highest) = (10.0_f64, 10.0_f64);
    for (peers, value) in points.iter().flatten() {
        (widest, highest) = (widest.max(*peers), highest.max(*value));
    }
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(80)
        .build_cartesian_2d((3.0..widest).log_scale(), (1.0..highest * 1.5).log_scale())?;
    let whole = |value: &f64| format!("{value:.0}");
    chart
        .configure_mesh()
        .x_desc("peers")
        .y_desc(unit)
        .x_label_formatter(&whole)
        .y_label_formatter(&whole)
        .light_line_style(WHITE)
        .draw()?;
    for (line, points) in lines.iter().zip(points) {
        let colour = line.colour;
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    Ok(area.present()?)
}
