#include "idempotency/folds.hpp"

#include "idempotency/consumer_fold.hpp"
#include "idempotency/effect_fold.hpp"
#include "idempotency/key_fold.hpp"
#include "idempotency/saga_fold.hpp"

namespace idem {

std::vector<std::unique_ptr<reserved_fold>> reserved_folds() {
    std::vector<std::unique_ptr<reserved_fold>> folds;
    folds.push_back(std::make_unique<key_fold>());
    folds.push_back(std::make_unique<effect_fold>());
    folds.push_back(std::make_unique<saga_fold>());
    folds.push_back(std::make_unique<consumer_fold>());
    return folds;
}

}  // namespace idem
