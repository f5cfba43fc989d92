// PostgreSQL with Message DB (npm package @eventide/message-db): one statement, and so one
// transaction, an append.
#include <libpq-fe.h>

#include <memory>
#include <mutex>

#include "subjects/server.hpp"
#include "subjects/subject.hpp"

namespace bench {
namespace {

using result = std::unique_ptr<PGresult, decltype(&PQclear)>;

// Payloads are JSON there, as an array element; bytes as a text of as many, its quotes among them.
std::string json_element(const idem::event& e) {
    constexpr std::string_view digits = "0123456789abcdef";
    const std::string_view data = e.data;
    if (e.content_type == "application/json") {
        std::string text = "\"";
        for (const char c : data) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        return text += '"';
    }
    std::string text = R"("\")";
    for (std::size_t i = 0; i + 2 < data.size(); ++i) text += digits[data[i] & 15];
    return text += R"(\"")";
}

class postgres_subject final : public subject {
public:
    postgres_subject() {
        const connection c(*this);
        run(c, "TRUNCATE message_store.messages RESTART IDENTITY");
        run(c, "CHECKPOINT");
    }

    std::uint64_t append(std::span<const idem::event> events) override {
        std::string ids = "{";
        std::string streams = "{";
        std::string data = "{";
        for (const idem::event& e : events) {
            const char* const comma = ids.size() > 1 ? "," : "";
            ids += comma + to_string(e.id);
            streams += comma + e.stream;
            data += comma + json_element(e);
        }
        const std::string arrays[] = {ids + "}", streams + "}", data + "}"};
        const char* const values[] = {arrays[0].c_str(), arrays[1].c_str(), arrays[2].c_str()};
        const connection c(*this);
        const result r(
            PQexecParams(c.get(),
                         "SELECT count(message_store.write_message(n.id, n.stream, 'Measured', "
                         "n.data::jsonb)) FROM unnest($1::varchar[], $2::varchar[], $3::varchar[]) "
                         "AS n(id, stream, data) WHERE NOT EXISTS (SELECT FROM "
                         "message_store.messages m WHERE m.id = n.id::uuid)",
                         3, nullptr, values, nullptr, nullptr, 0),
            PQclear);
        check(c, r, PGRES_TUPLES_OK);
        return std::stoull(PQgetvalue(r.get(), 0, 0));
    }

    void read_stream(const std::string& stream, const visit_data& visit) override {
        read("SELECT stream_name, data FROM message_store.messages WHERE stream_name = '" + stream +
                 "' ORDER BY position",
             visit);
    }
    void read_all(const visit_data& visit) override {
        read("SELECT stream_name, data FROM message_store.messages ORDER BY global_position",
             visit);
    }
    void keep(const balances& rows) override {
        const connection c(*this);
        run(c, "BEGIN");
        run(c, "DROP TABLE IF EXISTS message_store.balances");
        run(c, "CREATE TABLE message_store.balances(account varchar PRIMARY KEY, cents bigint)");
        check(c, result(PQexec(c.get(), "COPY message_store.balances FROM STDIN"), PQclear),
              PGRES_COPY_IN);
        std::string lines;
        for (const auto& [account, cents] : rows) {
            lines += account + '\t' + std::to_string(cents) + '\n';
        }
        const bool sent = PQputCopyData(c.get(), lines.data(), static_cast<int>(lines.size())) == 1;
        if (!sent || PQputCopyEnd(c.get(), nullptr) != 1) {
            throw std::runtime_error(PQerrorMessage(c.get()));
        }
        while (PGresult* const r = PQgetResult(c.get())) {
            check(c, result(r, PQclear), PGRES_COMMAND_OK);
        }
        run(c, "COMMIT");
    }
    std::vector<pid_t> processes() const override {
        return family_of(static_cast<pid_t>(std::stol(required_variable("BENCH_POSTGRES_PID"))));
    }
    std::filesystem::path data(const std::filesystem::path&) const override {
        return required_variable("BENCH_POSTGRES_FOLDER");
    }

private:
    // One for each thread that appends: taken from those that are free.
    class connection {
    public:
        explicit connection(postgres_subject& owner) : owner_(owner) {
            const std::scoped_lock lock(owner.mutex_);
            if (!owner.free_.empty()) {
                handle_ = owner.free_.back();
                owner.free_.pop_back();
                return;
            }
            handle_ = PQconnectdb(required_variable("BENCH_POSTGRES").c_str());
            if (PQstatus(handle_) != CONNECTION_OK) {
                throw std::runtime_error(PQerrorMessage(handle_));
            }
            PQclear(PQexec(handle_,
                           "SET search_path TO message_store, public; "
                           "SET client_min_messages TO warning"));
        }
        ~connection() {
            const std::scoped_lock lock(owner_.mutex_);
            owner_.free_.push_back(handle_);
        }
        connection(const connection&) = delete;
        connection& operator=(const connection&) = delete;
        PGconn* get() const { return handle_; }

    private:
        postgres_subject& owner_;
        PGconn* handle_ = nullptr;
    };

    static void check(const connection& c, const result& r, ExecStatusType expected) {
        if (PQresultStatus(r.get()) != expected) throw std::runtime_error(PQerrorMessage(c.get()));
    }
    static void run(const connection& c, const char* sql) {
        check(c, result(PQexec(c.get(), sql), PQclear), PGRES_COMMAND_OK);
    }

    void read(const std::string& sql, const visit_data& visit) {
        const connection c(*this);
        if (PQsendQuery(c.get(), sql.c_str()) == 0 || PQsetSingleRowMode(c.get()) == 0) {
            throw std::runtime_error(PQerrorMessage(c.get()));
        }
        while (PGresult* const row = PQgetResult(c.get())) {
            if (PQresultStatus(row) == PGRES_SINGLE_TUPLE) {
                visit(PQgetvalue(row, 0, 0), PQgetvalue(row, 0, 1));
            }
            PQclear(row);
        }
    }

    std::mutex mutex_;
    std::vector<PGconn*> free_;
};

}  // namespace

std::unique_ptr<subject> open_postgres(const std::filesystem::path&) {
    return std::make_unique<postgres_subject>();
}

}  // namespace bench
