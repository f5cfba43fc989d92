// Values with a known algebra, for the rows of projections that must come out the same whatever
// order their events arrive in, and however often: join semilattices (Shapiro et al. 2011).
//
//     auto notes = idem::keyed_fold<std::string, note>("notes").on("Titled", note_of,
//         [](note row, const idem::event_view& e) {
//             row.title.set(title_of(e), idem::at(e));
//             return row;
//         }).commutative();
//
//     lww_register<T>          the last write, by clock
//     mv_register<T>           every write that no later writer had seen
//     grow_counter, pn_counter each event counts once
//     or_set<T>                an addition wins over a removal that had not seen it
//     max_value<T>, min_value<T>
//     or_map<Key, Value>       any of these, or a struct of them, by key
//     struct with members()    several of them in one row (convergent/value.hpp)
//
// Each is a value: it copies, compares, merges (idempotent, commutative, associative), prints as
// JSON, and has equal bytes where it is equal. Updates are named by the mark of their event, at(e);
// applying one again changes nothing, and updates may be applied in any order. What a writer had
// seen travels in the event as text (version_vector), where an update depends on it. Not safe to
// change from two threads at once.
//
// Bytes that are read may be damaged: decoding throws errc::corrupt, and never allocates more than
// the bytes are worth. schemas/CONVERGENT.md describes them.
#pragma once

#include "idem/convergent/counters.hpp"
#include "idem/convergent/extremes.hpp"
#include "idem/convergent/registers.hpp"
#include "idem/convergent/sets.hpp"
#include "idem/convergent/value.hpp"
#include "idem/convergent/version_vector.hpp"
