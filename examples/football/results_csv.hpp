// The published results: one match a line.
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

struct match_result {
    std::string match_id;
    std::string kick_off;  // "2018-06-14 15:00:00", UTC
    std::string home_id;
    std::string home;
    std::string away_id;
    std::string away;
    int home_goals = 0;
    int away_goals = 0;
};

inline std::vector<match_result> read_results(const std::string& file) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error("cannot read " + file);
    std::vector<match_result> results;
    std::string line;
    std::getline(in, line);  // the header
    while (std::getline(in, line)) {
        std::istringstream cells(line);
        match_result r;
        std::string home_goals;
        std::string away_goals;
        for (std::string* cell : {&r.match_id, &r.kick_off, &r.home_id, &r.home, &r.away_id,
                                  &r.away, &home_goals, &away_goals}) {
            std::getline(cells, *cell, ',');
        }
        r.home_goals = std::stoi(home_goals);
        r.away_goals = std::stoi(away_goals);
        results.push_back(r);
    }
    return results;
}
