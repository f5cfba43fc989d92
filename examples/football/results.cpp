// Shows the score that the projection `score` has for each match beside the published one:
//
//     football_results world-cup.idem results.csv
//
// Exits with 1 if any differs.
#include <cstdio>
#include <idem/store.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "results_csv.hpp"

namespace {

int count_of(const idem::state& scores, const std::string& match, const std::string& team,
             const char* field) {
    const auto row = scores.find("match-" + match + "/" + team).row;
    return row ? nlohmann::json::parse(*row).value(field, 0) : 0;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 3) {
        std::cerr << "usage: football_results STORE RESULTS.csv\n";
        return 2;
    }
    const idem::store store(argv[1], {.read_only = true});
    const idem::state scores = store.state("score");
    int same = 0;
    const auto results = read_results(argv[2]);
    std::printf("%-16s %-16s %8s %10s\n", "home", "away", "replayed", "published");
    for (const auto& r : results) {
        // An own goal counts for the other side.
        const int home = count_of(scores, r.match_id, r.home_id, "goals") +
                         count_of(scores, r.match_id, r.away_id, "own_goals");
        const int away = count_of(scores, r.match_id, r.away_id, "goals") +
                         count_of(scores, r.match_id, r.home_id, "own_goals");
        const bool equal = home == r.home_goals && away == r.away_goals;
        same += equal;
        std::printf("%-16s %-16s %4d : %d %6d : %d%s\n", r.home.c_str(), r.away.c_str(), home, away,
                    r.home_goals, r.away_goals, equal ? "" : "  DIFFERS");
    }
    std::printf("%d of %zu results are the published ones, at position %llu\n", same,
                results.size(), static_cast<unsigned long long>(scores.position()));
    return same == static_cast<int>(results.size()) ? 0 : 1;
} catch (const std::exception& e) {
    std::cerr << "football_results: " << e.what() << '\n';
    return 1;
}
