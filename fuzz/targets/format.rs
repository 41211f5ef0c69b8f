//! What can be parsed is formatted without a change of meaning, and a second time without a change at all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rhapsode::lang::format::{Refusal, format};
use rhapsode::source::Source;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    match format(&Source::new("fuzz.ode", text.as_ref())) {
        Ok(once) => {
            let twice = format(&Source::new("formatted.ode", once.as_str()));
            assert!(matches!(&twice, Ok(twice) if *twice == once), "{once:?}\nthen {twice:?}");
        }
        Err(Refusal::Errors(errors)) => assert!(!errors.is_empty()),
        Err(Refusal::Meaning) => panic!("the formatted text means something else"),
    }
});
