//! results.xlsx: the columns of results.csv as a workbook (ECMA-376, `SpreadsheetML`). Texts are texts, so that no id
//! loses digits and nothing is a formula; only what flowbatch itself counts is a number.

use std::io::{self, Write};

use crate::report::layout::{Cells, OWN_NUMBERS};
use crate::report::zip::{Archive, EntryWriter};

/// Rows of a sheet, the header among them.
const MAX_ROWS: u64 = 1_048_576;

/// Columns of a sheet.
const MAX_COLUMNS: usize = 16_384;

/// UTF-16 units of a cell.
const MAX_CELL: usize = 32_767;

/// Digits that a spreadsheet's number carries exactly.
const EXACT_DIGITS: usize = 15;

/// Bytes kept for the end of a sheet.
const TAIL: u64 = 1 << 20;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

const TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
<Default Extension=\"xml\" ContentType=\"application/xml\"/>\
<Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>\
<Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>\
<Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/>\
</Types>";

const RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/>\
</Relationships>";

const BOOK: &str = "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">\
<sheets><sheet name=\"Results\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";

const BOOK_RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/>\
</Relationships>";

/// Style 1 is text, which stays text when a cell is edited; 2 is the header.
const STYLES: &str = "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
<fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>\
<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills>\
<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
<cellXfs count=\"3\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>\
<xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>\
<xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\"/></cellXfs>\
<cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles></styleSheet>";

const SHEET: &str = "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
<sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews>\
<sheetFormatPr defaultRowHeight=\"15\"/><sheetData>";

/// A workbook being written.
pub(super) struct Workbook<W: Write> {
    sheet: EntryWriter<W>,
    inputs: bool,
    rows: u64,
    line: String,
    unfit: TooMuch,
}

/// What found no place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TooMuch {
    /// Rows beyond those of a sheet.
    rows: u64,
    /// Columns beyond those of a sheet.
    columns: usize,
    /// Cells that were cut.
    cells: u64,
}

impl<W: Write> Workbook<W> {
    /// Begins the file with its header; `inputs` asks for the dataset's columns.
    pub(super) fn begin(target: W, inputs: bool, header: &Cells<'_>) -> io::Result<Self> {
        let mut archive = Archive::begin(target);
        for (name, text) in [
            ("[Content_Types].xml", TYPES),
            ("_rels/.rels", RELATIONS),
            ("xl/workbook.xml", BOOK),
            ("xl/_rels/workbook.xml.rels", BOOK_RELATIONS),
            ("xl/styles.xml", STYLES),
        ] {
            archive = archive.file(name, &format!("{HEAD}{text}"))?;
        }
        let mut sheet = archive.entry("xl/worksheets/sheet1.xml")?;
        write!(sheet, "{HEAD}{SHEET}")?;
        let unfit = TooMuch::default();
        let mut book = Self { sheet, inputs, rows: 0, line: String::new(), unfit };
        book.write_row(header, true)?;
        Ok(book)
    }

    /// Writes a row.
    pub(super) fn write(&mut self, cells: &Cells<'_>) -> io::Result<()> {
        self.write_row(cells, false)
    }

    fn write_row(&mut self, cells: &Cells<'_>, header: bool) -> io::Result<()> {
        if self.rows >= MAX_ROWS || self.unfit.rows > 0 {
            self.unfit.rows += 1;
            return Ok(());
        }
        let inputs = if self.inputs { cells.dataset.as_slice() } else { &[] };
        let columns = inputs.len() + cells.others.len();
        self.line.clear();
        self.line.push_str("<row>");
        for (place, cell) in inputs.iter().chain(&cells.others).enumerate().take(MAX_COLUMNS) {
            let own = place.checked_sub(inputs.len() + cells.own);
            let number = !header && own.is_some_and(|own| OWN_NUMBERS.contains(&own));
            let cut = push_cell(&mut self.line, cell, number, if header { 2 } else { 1 });
            self.unfit.cells += u64::from(cut);
        }
        self.line.push_str("</row>\n");
        if header {
            self.unfit.columns = columns.saturating_sub(MAX_COLUMNS);
        }
        if self.line.len() as u64 + TAIL > self.sheet.room() {
            self.unfit.rows += 1;
            return Ok(());
        }
        self.rows += 1;
        self.sheet.write_all(self.line.as_bytes())
    }

    /// Ends the file, and gives back what it was written to.
    pub(super) fn finish(mut self) -> io::Result<(W, TooMuch)> {
        self.sheet.write_all(b"</sheetData></worksheet>")?;
        Ok((self.sheet.finish()?.finish()?, self.unfit))
    }
}

impl TooMuch {
    /// Says what a reader should know.
    pub(super) fn notes(self, file: &str) -> impl Iterator<Item = String> {
        let rows = (self.rows > 0).then(|| {
            format!("{file} lacks the last {} rows: a sheet has 1,048,576, in at most 4 GiB; results.jsonl has all", self.rows)
        });
        let columns = (self.columns > 0)
            .then(|| format!("{file} lacks the last {} columns: a sheet has 16,384", self.columns));
        let cells = (self.cells > 0).then(|| {
            format!(
                "{file} has cells cut to the 32,767 characters of a spreadsheet ({}); results.jsonl has them whole",
                self.cells
            )
        });
        rows.into_iter().chain(columns).chain(cells)
    }
}

/// Writes a cell, and says whether it had to be cut. An empty one takes its place too, since cells carry no names.
fn push_cell(line: &mut String, cell: &str, number: bool, style: u8) -> bool {
    if cell.is_empty() {
        line.push_str("<c/>");
        return false;
    }
    if number && is_exact(cell) {
        line.push_str("<c><v>");
        line.push_str(cell);
        line.push_str("</v></c>");
        return false;
    }
    let (text, cut) = fitting(cell);
    line.push_str(&format!("<c s=\"{style}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">"));
    push_text(line, text);
    line.push_str("</t></is></c>");
    cut
}

fn is_exact(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain && (1..=EXACT_DIGITS).contains(&digits) && text.parse::<f64>().is_ok()
}

fn fitting(text: &str) -> (&str, bool) {
    if text.len() <= MAX_CELL {
        return (text, false);
    }
    let mut units = 0;
    for (at, character) in text.char_indices() {
        units += character.len_utf16();
        if units > MAX_CELL {
            return (&text[..at], true);
        }
    }
    (text, false)
}

/// Characters that XML can't write stand as `_xHHHH_`, and so does a text that looks like that (ECMA-376, 22.9.2.19).
fn push_text(line: &mut String, text: &str) {
    for (at, character) in text.char_indices() {
        match character {
            '&' => line.push_str("&amp;"),
            '<' => line.push_str("&lt;"),
            '>' => line.push_str("&gt;"),
            '\r' | '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                line.push_str(&format!("_x{:04X}_", u32::from(character)));
            }
            '_' if is_escape(&text[at..]) => line.push_str("_x005F_"),
            _ => line.push(character),
        }
    }
}

fn is_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 7 && bytes[1] == b'x' && bytes[2..6].iter().all(u8::is_ascii_hexdigit) && bytes[6] == b'_'
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::DeflateDecoder;

    use super::*;

    fn cells<'a>(dataset: &[&'a str], others: &[&'a str]) -> Cells<'a> {
        let own = |cells: &[&'a str]| cells.iter().map(|cell| (*cell).into()).collect();
        Cells { recorded: true, dataset: own(dataset), others: own(others), own: 1, missed: false }
    }

    /// The archive's entries, each read at the place that the directory gives.
    fn entries(bytes: &[u8]) -> Vec<(String, String)> {
        let number = |at: usize, length: usize| {
            bytes[at..at + length].iter().rev().fold(0, |sum, byte| sum * 256 + usize::from(*byte))
        };
        let end = bytes.len() - 22;
        assert_eq!(number(end, 4), 0x0605_4b50);
        let mut at = number(end + 16, 4);
        let mut entries = Vec::new();
        for _ in 0..number(end + 10, 2) {
            assert_eq!(number(at, 4), 0x0201_4b50);
            let (crc, compressed, size) = (number(at + 16, 4), number(at + 20, 4), number(at + 24, 4));
            let (name, offset) = (number(at + 28, 2), number(at + 42, 4));
            let data = offset + 30 + name;
            assert_eq!(number(offset, 4), 0x0403_4b50);
            let mut text = String::new();
            DeflateDecoder::new(&bytes[data..data + compressed]).read_to_string(&mut text).unwrap();
            let mut sum = flate2::Crc::new();
            sum.update(text.as_bytes());
            assert_eq!((text.len(), sum.sum() as usize), (size, crc));
            assert_eq!(number(data + compressed, 4), 0x0807_4b50);
            entries.push((String::from_utf8(bytes[at + 46..at + 46 + name].to_vec()).unwrap(), text));
            at += 46 + name;
        }
        entries
    }

    fn sheet(rows: &[Cells<'_>]) -> (String, TooMuch) {
        let mut bytes = Vec::new();
        let header = cells(
            &["id"],
            &["output.a", "outcome", "error", "cost", "tokens", "attempts", "latency_ms", "run", "n", "key"],
        );
        let mut book = Workbook::begin(&mut bytes, true, &header).unwrap();
        for row in rows {
            book.write(row).unwrap();
        }
        let (_, unfit) = book.finish().unwrap();
        let entries = entries(&bytes);
        assert_eq!(entries.len(), 6);
        (entries[5].1.clone(), unfit)
    }

    #[test]
    fn ids_and_formulas_are_texts_and_only_own_figures_are_numbers() {
        let own = ["0012", "succeeded", "=1+1", "0.25", "12", "1", "950", "9007199254740993", "7", "0007"];
        let (text, _) = sheet(&[cells(&["12345678901234567890"], &own)]);
        let row = text.lines().nth(2).unwrap();
        let string = |text: &str| {
            format!("<c s=\"1\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>")
        };
        let expected = [
            string("12345678901234567890"),
            string("0012"),
            string("succeeded"),
            string("=1+1"),
            "<c><v>0.25</v></c><c><v>12</v></c><c><v>1</v></c><c><v>950</v></c>".to_owned(),
            string("9007199254740993"),
            "<c><v>7</v></c>".to_owned(),
            string("0007"),
        ];
        assert_eq!(row, format!("<row>{}</row>", expected.concat()));
        assert!(!text.contains("<f>"));
    }

    #[test]
    fn keys_and_run_ids_stay_texts_where_rows_say_which_repeat_they_are() {
        let own = ["x", "succeeded", "", "0.25", "12", "1", "950", "0123", "7", "0007", "2"];
        let (text, _) = sheet(&[cells(&["1"], &own)]);
        let row = text.lines().nth(2).unwrap();
        assert!(row.contains(">0123</t>") && row.contains(">0007</t>"), "{row}");
        assert!(row.contains("<c><v>7</v></c>") && row.ends_with("<c><v>2</v></c></row>"), "{row}");
    }

    #[test]
    fn a_cost_with_more_digits_than_a_number_carries_is_text() {
        let check = |text: &str, expected: bool| assert_eq!(is_exact(text), expected, "{text}");
        check("0.123456789012345", false);
        check("123456.78901234", true);
        check("1234567890123456", false);
        check("1e5", false);
        check("", false);
        check(".", false);
    }

    #[test]
    fn texts_are_escaped_and_cut_to_what_a_cell_holds() {
        let long = "😀".repeat(20_000);
        let own = ["<a&b>", "\u{1}\r\n_x0041_ _x", &long, "", "", "", "", "", "", ""];
        let (text, unfit) = sheet(&[cells(&[""], &own)]);
        assert!(text.contains(">&lt;a&amp;b&gt;</t>"), "{}", &text[..900]);
        assert!(text.contains(">_x0001__x000D_\n_x005F_x0041_ _x</t>"));
        assert!(text.contains(&format!(">{}</t>", "😀".repeat(16_383))));
        assert_eq!(unfit, TooMuch { cells: 1, ..TooMuch::default() });
        assert_eq!(unfit.notes("results.xlsx").count(), 1);
    }
}
