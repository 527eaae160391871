//! A set of node slots that finds the next member from any slot on without walking the gaps.
//!
//! Pages of 4,096 slots, each with a summary word: a set costs memory only where it has members, and `next_from` looks
//! at one page and the words that say which pages are in use.
//! Always true: a page bit of `used` is set exactly when that page has a member; `len` is the number of members.
//! Not here: what the slots stand for.

use super::super::cache::Slot;

const WORD_BITS: usize = 64;
const PAGE_BITS: usize = WORD_BITS * WORD_BITS;
/// A set of no more pages than this keeps its emptied pages, so that members that come and go allocate nothing.
const EMPTY_PAGES_KEPT: usize = 4;

#[derive(Debug, Clone)]
struct Page {
    /// Bit i: word i is not zero.
    summary: u64,
    words: [u64; WORD_BITS],
}

#[derive(Debug, Default, Clone)]
pub struct SlotSet {
    pages: Vec<Option<Box<Page>>>,
    used: Vec<u64>,
    len: usize,
}

impl SlotSet {
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slot must not be a member yet.
    pub fn insert(&mut self, slot: Slot) {
        let (page, word, bit) = place(slot);
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
            self.used.resize(page / WORD_BITS + 1, 0);
        }
        let held =
            self.pages[page].get_or_insert_with(|| Box::new(Page { summary: 0, words: [0; WORD_BITS] }));
        debug_assert_eq!(held.words[word] >> bit & 1, 0, "a slot enters a set once");
        held.words[word] |= 1 << bit;
        held.summary |= 1 << word;
        self.used[page / WORD_BITS] |= 1 << (page % WORD_BITS);
        self.len += 1;
    }

    /// The slot must be a member.
    pub fn remove(&mut self, slot: Slot) {
        let (page, word, bit) = place(slot);
        let held = self.pages[page].as_mut().expect("a member's page is there");
        debug_assert_eq!(held.words[word] >> bit & 1, 1, "a slot leaves a set that it is in");
        held.words[word] &= !(1 << bit);
        self.len -= 1;
        if held.words[word] != 0 {
            return;
        }
        held.summary &= !(1 << word);
        if held.summary == 0 {
            self.used[page / WORD_BITS] &= !(1 << (page % WORD_BITS));
            if self.pages.len() > EMPTY_PAGES_KEPT {
                self.pages[page] = None;
            }
        }
    }

    /// The first member at or after `start`, else the first of all: the order of a circle.
    pub fn next_cyclic(&self, start: Slot) -> Option<Slot> {
        self.next_from(start).or_else(|| self.next_from(0))
    }

    fn next_from(&self, start: Slot) -> Option<Slot> {
        let (page, word, bit) = place(start);
        if let Some(Some(held)) = self.pages.get(page) {
            if let Some(found) = held.next_from(word, bit) {
                return Some((page * PAGE_BITS + found) as Slot);
            }
        }
        let page = next_bit(&self.used, page + 1)?;
        let held = self.pages[page].as_ref().expect("a used page is there");
        held.next_from(0, 0).map(|found| (page * PAGE_BITS + found) as Slot)
    }
}

impl Page {
    fn next_from(&self, word: usize, bit: usize) -> Option<usize> {
        let rest = self.words[word] >> bit;
        if rest != 0 {
            return Some(word * WORD_BITS + bit + rest.trailing_zeros() as usize);
        }
        let later = if word + 1 == WORD_BITS { 0 } else { self.summary >> (word + 1) << (word + 1) };
        if later == 0 {
            return None;
        }
        let word = later.trailing_zeros() as usize;
        Some(word * WORD_BITS + self.words[word].trailing_zeros() as usize)
    }
}

fn place(slot: Slot) -> (usize, usize, usize) {
    let slot = slot as usize;
    (slot / PAGE_BITS, slot / WORD_BITS % WORD_BITS, slot % WORD_BITS)
}

/// The first set bit at or after `from`.
fn next_bit(words: &[u64], from: usize) -> Option<usize> {
    let first = from / WORD_BITS;
    let mut rest = words.get(first)? >> (from % WORD_BITS) << (from % WORD_BITS);
    let mut at = first;
    while rest == 0 {
        at += 1;
        rest = *words.get(at)?;
    }
    Some(at * WORD_BITS + rest.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn finds_what_an_ordered_set_finds(
            toggles in proptest::collection::vec(0u32..40_000, 1..200),
            starts in proptest::collection::vec(0u32..40_000, 1..20),
        ) {
            let (mut set, mut model) = (SlotSet::default(), BTreeSet::new());
            for slot in toggles {
                if model.remove(&slot) {
                    set.remove(slot);
                } else {
                    model.insert(slot);
                    set.insert(slot);
                }
            }
            prop_assert_eq!(set.is_empty(), model.is_empty());
            for start in starts {
                let expected = model.range(start..).next().or_else(|| model.iter().next()).copied();
                prop_assert_eq!(set.next_cyclic(start), expected);
            }
        }
    }
}
