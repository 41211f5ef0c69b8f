//! The journal of a sweep: its plan, then what is kept of each trajectory, in order, appended as they end. A sweep that was
//! stopped goes on behind the last whole entry; what it writes in the end is made of the journal alone, so that it does not
//! depend on how often it was stopped.
//!
//! A text line, a line of JSON (the plan), then entries: the length of the entry in bytes and its number of records (u32),
//! its checksum (u64), and the records one after the other; numbers are little-endian.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::plan::Plan;
use crate::engine::ensemble::Record;
use crate::exit::Stop;

const MAGIC: &str = "rhapsode sweep journal 1\n";
/// Entries are written when they have so many bytes,
const FULL: usize = 1 << 20;
/// or are so old.
const OLD: Duration = Duration::from_millis(500);

/// A trajectory: the values that varied, and what is kept.
pub type Trajectory = (Vec<f64>, Record);

/// 64-bit FNV-1a (Fowler, Noll & Vo), against accidents.
pub fn checksum(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// A journal being written.
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Records that are not yet written.
    entry: Vec<u8>,
    records: u32,
    since: Instant,
    /// Records that were there when it was opened.
    pub finished: u64,
}

impl Journal {
    /// Opens the journal of a plan: a new one, or one that is there already and goes on.
    ///
    /// # Errors
    /// A sentence, where it cannot be written, belongs to another sweep, or is being written.
    pub fn open(path: &Path, plan: &Plan, restart: bool) -> Result<Journal, Stop> {
        let name = path.display();
        let failed = |error: &io::Error| Stop::input(format!("error: cannot write the journal `{name}`: {error}"));
        let options = OpenOptions::new().read(true).append(true).create(true).clone();
        let mut file = options.open(path).map_err(|error| failed(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Stop::input(format!(
                    "error: another process is at work on this sweep (`{name}` is in use)"
                )));
            }
            // Some file systems have no locks.
            Err(TryLockError::Error(_)) => {}
        }
        if restart {
            file.set_len(0).map_err(|error| failed(&error))?;
        }
        let mut finished = 0;
        match read_plan(&mut BufReader::new(&file)) {
            // Nothing was written, or not even the plan.
            Ok(None) => {
                file.set_len(0).map_err(|error| failed(&error))?;
                let head = format!("{MAGIC}{}\n", plan.to_json());
                file.write_all(head.as_bytes()).map_err(|error| failed(&error))?;
            }
            Ok(Some(found)) => {
                let difference =
                    found.difference(plan).or((found.shard != plan.shard).then_some("the shard is another"));
                if let Some(difference) = difference {
                    return Err(Stop::input(format!(
                        "error: `{name}` is the journal of another sweep: {difference}\nhelp: choose another output, or \
                         begin anew with `--restart`"
                    )));
                }
                let (records, end) = whole(&file).map_err(|error| failed(&error))?;
                file.set_len(end).map_err(|error| failed(&error))?;
                finished = records;
            }
            Err(error) => {
                return Err(Stop::input(format!(
                    "error: `{name}` is no journal of a sweep ({error}); remove it, or choose another output"
                )));
            }
        }
        let (entry, records, since) = (Vec::new(), 0, Instant::now());
        Ok(Journal { path: path.to_path_buf(), file, entry, records, since, finished })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a trajectory.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn add(&mut self, row: &[f64], record: &Record) -> io::Result<()> {
        encode(&mut self.entry, row, record);
        self.records += 1;
        if self.entry.len() >= FULL || self.since.elapsed() >= OLD { self.flush() } else { Ok(()) }
    }

    /// Writes what is waiting.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn flush(&mut self) -> io::Result<()> {
        self.since = Instant::now();
        if self.records == 0 {
            return Ok(());
        }
        let length = u32::try_from(self.entry.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(self.entry.len() + 16);
        bytes.extend(length.to_le_bytes());
        bytes.extend(self.records.to_le_bytes());
        bytes.extend(checksum(self.entry.iter().copied()).to_le_bytes());
        bytes.append(&mut self.entry);
        self.records = 0;
        self.file.write_all(&bytes)
    }
}

/// The plan at the head of a journal; none where even that is torn.
fn read_plan(reader: &mut impl BufRead) -> io::Result<Option<Plan>> {
    let (mut magic, mut line) = (Vec::new(), Vec::new());
    reader.take(MAGIC.len() as u64).read_to_end(&mut magic)?;
    if !MAGIC.as_bytes().starts_with(&magic) {
        return Err(io::Error::other("it begins otherwise"));
    }
    reader.read_until(b'\n', &mut line)?;
    if magic.len() < MAGIC.len() || line.last() != Some(&b'\n') {
        return Ok(None);
    }
    let plan = serde_json::from_slice(&line).ok().as_ref().and_then(Plan::from_json);
    plan.map(Some).ok_or_else(|| io::Error::other("its second line is no plan"))
}

/// The trajectories of a journal.
pub struct Records {
    reader: BufReader<File>,
    entry: io::Cursor<Vec<u8>>,
    left: u32,
    /// Bytes of whole entries, and of what is before them.
    end: u64,
    varied: usize,
}

/// Opens a journal to be read.
///
/// # Errors
/// What the file system reports, or that it is no journal.
pub fn read(path: &Path) -> io::Result<(Plan, Records)> {
    read_from(File::open(path)?)
}

fn read_from(file: File) -> io::Result<(Plan, Records)> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let Some(plan) = read_plan(&mut reader)? else { return Err(io::Error::other("it is not complete")) };
    let end = reader.stream_position()?;
    let varied = plan.varied.len();
    Ok((plan, Records { reader, entry: io::Cursor::default(), left: 0, end, varied }))
}

/// The number of records in whole entries, and where those end.
fn whole(file: &File) -> io::Result<(u64, u64)> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    let (_, mut records) = read_from(file)?;
    let mut count = 0;
    while records.entry()? {
        count += u64::from(records.left);
    }
    Ok((count, records.end))
}

impl Records {
    /// Goes on to the next whole entry; false where there is none.
    fn entry(&mut self) -> io::Result<bool> {
        let mut head = Vec::with_capacity(16);
        Read::by_ref(&mut self.reader).take(16).read_to_end(&mut head)?;
        let (Some(length), Some(count), Some(sum)) = (
            head.first_chunk(),
            head.get(4..).and_then(<[u8]>::first_chunk),
            head.get(8..).and_then(<[u8]>::first_chunk),
        ) else {
            return Ok(false);
        };
        let length = u32::from_le_bytes(*length);
        let mut bytes = std::mem::take(&mut self.entry).into_inner();
        bytes.clear();
        Read::by_ref(&mut self.reader).take(u64::from(length)).read_to_end(&mut bytes)?;
        if bytes.len() != length as usize || checksum(bytes.iter().copied()) != u64::from_le_bytes(*sum) {
            return Ok(false);
        }
        self.entry = io::Cursor::new(bytes);
        self.left = u32::from_le_bytes(*count);
        self.end += 16 + u64::from(length);
        Ok(true)
    }
}

impl Iterator for Records {
    type Item = io::Result<Trajectory>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left == 0 {
            match self.entry() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        self.left -= 1;
        Some(decode(&mut self.entry, self.varied))
    }
}

fn encode(out: &mut Vec<u8>, row: &[f64], record: &Record) {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    }
    let numbers = |out: &mut Vec<u8>, list: &[f64]| list.iter().for_each(|x| out.extend(x.to_le_bytes()));
    numbers(out, row);
    for list in [&record.times, &record.values] {
        out.extend((list.len() as u32).to_le_bytes());
        numbers(out, list);
    }
    out.extend((record.events.len() as u32).to_le_bytes());
    for (time, name) in &record.events {
        numbers(out, &[*time]);
        text(out, name);
    }
    text(out, record.failure.as_deref().unwrap_or(""));
    [record.steps, record.rejected, record.rhs].iter().for_each(|n| out.extend(n.to_le_bytes()));
}

fn decode(bytes: &mut impl Read, varied: usize) -> io::Result<Trajectory> {
    fn whole(bytes: &mut impl Read) -> io::Result<usize> {
        let mut four = [0; 4];
        bytes.read_exact(&mut four)?;
        Ok(u32::from_le_bytes(four) as usize)
    }
    fn long(bytes: &mut impl Read) -> io::Result<u64> {
        let mut eight = [0; 8];
        bytes.read_exact(&mut eight)?;
        Ok(u64::from_le_bytes(eight))
    }
    fn numbers(bytes: &mut impl Read, n: usize) -> io::Result<Vec<f64>> {
        (0..n).map(|_| long(bytes).map(f64::from_bits)).collect()
    }
    fn text(bytes: &mut impl Read) -> io::Result<String> {
        let n = whole(bytes)?;
        let mut text = vec![0; n];
        bytes.read_exact(&mut text)?;
        String::from_utf8(text).map_err(io::Error::other)
    }
    let row = numbers(bytes, varied)?;
    let n = whole(bytes)?;
    let times = numbers(bytes, n)?;
    let n = whole(bytes)?;
    let values = numbers(bytes, n)?;
    let events =
        (0..whole(bytes)?).map(|_| Ok((f64::from_bits(long(bytes)?), text(bytes)?))).collect::<io::Result<_>>()?;
    let failure = Some(text(bytes)?).filter(|text| !text.is_empty());
    let (steps, rejected, rhs) = (long(bytes)?, long(bytes)?, long(bytes)?);
    Ok((row, Record { failure, times, values, events, steps, rejected, rhs }))
}
