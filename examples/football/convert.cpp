// Turns the published football events into CloudEvents, one a line:
//
//     zcat events.jsonl.gz | football_convert results.csv > events.cloudevents
//
// The events have no UUIDs, so `source` and the published number name each of them; idem makes the
// UUID. The stream is the match, the type the published event name, the data the published object.
// Tags are the published tag numbers and, for all that happens before a penalty shoot-out, the word
// "play".
#include <idem/cloudevents.hpp>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "results_csv.hpp"

namespace {

using nlohmann::json;

// When a period begins, in seconds after the kick-off, with breaks of 15, 5, 1 and 5 minutes.
double start_of(const std::string& period) {
    static const std::map<std::string, double> starts{
        {"1H", 0}, {"2H", 3600}, {"E1", 6600}, {"E2", 7560}, {"P", 8760}};
    return starts.at(period);
}

std::string time_of(const json& e, const std::map<std::string, std::string>& kick_offs,
                    const std::string& match) {
    std::string start = kick_offs.at(match);
    start[10] = 'T';
    const double seconds =
        start_of(e.at("matchPeriod").get<std::string>()) + e.at("eventSec").get<double>();
    const auto passed = std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
    return idem::to_string(idem::parse_timestamp(start + "Z") + passed);
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 2) {
        std::cerr << "usage: football_convert RESULTS.csv < events.jsonl\n";
        return 2;
    }
    std::map<std::string, std::string> kick_offs;
    for (const auto& r : read_results(argv[1])) kick_offs[r.match_id] = r.kick_off;
    std::ios::sync_with_stdio(false);
    for (std::string line; std::getline(std::cin, line);) {
        const json e = json::parse(line);
        const std::string match = std::to_string(e.at("matchId").get<std::uint64_t>());
        std::string tags = e.at("matchPeriod") == "P" ? "shoot-out" : "play";
        for (const auto& tag : e.at("tags")) {
            tags += "," + std::to_string(tag.at("id").get<std::uint64_t>());
        }
        // The data keeps its own spelling, so it is pasted in rather than printed anew.
        std::cout << R"({"specversion":"1.0","source":"/wyscout/world-cup-2018","id":")"
                  << e.at("id").get<std::uint64_t>() << R"(","subject":"match-)" << match
                  << R"(","type":)" << e.at("eventName").dump() << R"(,"time":")"
                  << time_of(e, kick_offs, match) << R"(","tags":")" << tags << R"(","data":)"
                  << line << "}\n";
    }
    return std::cout.flush() ? 0 : 1;
} catch (const std::exception& e) {
    std::cerr << "football_convert: " << e.what() << '\n';
    return 1;
}
