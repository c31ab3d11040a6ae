// SPDX-License-Identifier: Apache-2.0
//
// Runs programs on the Verilated core with a model of DRAM and of the three DMA channels, and writes what came out and a
// trace. Driven by dsf/runtime/rtl.py; arguments are name=value:
//
//   program, weights, input   files; `input` holds the inputs of all runs, one after the other
//   output                    file to write: the outputs of all runs
//   trace                     file to write: JSON, see write_trace
//   output_bytes, arena_bytes, runs, max_cycles
//   stall                     probability, each cycle, that a stream is held up
//   latency                   cycles from a DMA command to its first beat, at least; up to twice that where stall > 0
//   seed                      of the stalls and of everything that is not reset
//   steps                     file: array steps of each MATRIX instruction, one a line
//
// The streams keep the rules of AXI-Stream: a beat stays until it is taken, and what fills up the last beat of a row is
// random.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

using Bytes = std::vector<uint8_t>;

constexpr int kQueues = 5;
constexpr int kMatrixQueue = 2;
constexpr int64_t kNever = -1;
enum Base { kProgram, kWeights, kInput, kOutput, kArena, kBases };
enum Channel { kLoad, kWeight, kStore, kChannels };

// The DMA was asked for something that is not there.
struct BusError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 0x632BE59BD9B4E019u) {}
  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<uint32_t>(state_ >> 32);
  }
  bool chance(double probability) { return probability > 0 && next() < probability * 4294967296.0; }

 private:
  uint64_t state_;
};

struct Options {
  std::map<std::string, std::string> values;

  const std::string &text(const std::string &name) const {
    const auto found = values.find(name);
    if (found == values.end()) throw std::runtime_error("missing argument " + name);
    return found->second;
  }
  uint64_t number(const std::string &name) const { return std::stoull(text(name)); }
  double real(const std::string &name) const { return std::stod(text(name)); }
};

Bytes read_file(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

std::vector<int64_t> read_numbers(const std::string &path) {
  std::ifstream file(path);
  return {std::istream_iterator<int64_t>(file), {}};
}

struct Command {
  unsigned base;
  uint32_t offset, rows, row_bytes, row_stride;
  uint64_t ready_cycle;
};

struct Memory {
  Bytes regions[kBases];

  uint8_t *row(const Command &command, uint32_t row, const char *what) {
    const uint64_t at = uint64_t{command.offset} + uint64_t{row} * command.row_stride;
    if (command.base >= kBases || at + command.row_bytes > regions[command.base].size()) {
      throw BusError(std::string(what) + " beyond base " + std::to_string(command.base) + ": bytes " + std::to_string(at) +
                     " to " + std::to_string(at + command.row_bytes));
    }
    return regions[command.base].data() + at;
  }
};

// Walks the beats of a queue of commands.
class Rows {
 public:
  Rows(Memory &memory, unsigned beat_bytes) : memory_(memory), beat_bytes_(beat_bytes) {}

  void push(const Command &command) { commands_.push_back(command); }
  bool ready(uint64_t cycle) const { return !commands_.empty() && commands_.front().ready_cycle <= cycle; }
  bool idle() const { return commands_.empty(); }
  unsigned base() const { return commands_.front().base; }
  unsigned count() const { return std::min(beat_bytes_, commands_.front().row_bytes - at_); }
  bool row_last() const { return at_ + beat_bytes_ >= commands_.front().row_bytes; }
  uint8_t *data(const char *what) { return memory_.row(commands_.front(), row_, what) + at_; }

  // True if that was the last beat of its command.
  bool advance() {
    at_ += beat_bytes_;
    if (at_ < commands_.front().row_bytes) return false;
    at_ = 0;
    if (++row_ < commands_.front().rows) return false;
    row_ = 0;
    commands_.pop_front();
    return true;
  }

 private:
  Memory &memory_;
  unsigned beat_bytes_;
  std::deque<Command> commands_;
  uint32_t row_ = 0, at_ = 0;
};

// What happened in one run; cycles count from its first instruction beat.
struct Run {
  int64_t first_input = kNever, last_output = kNever, done = kNever;
  std::vector<uint64_t> starts[kQueues], finishes[kQueues];
  std::vector<std::pair<uint64_t, uint64_t>> steps;
};

class Simulation {
 public:
  explicit Simulation(const Options &options)
      : options_(options),
        stall_(options.real("stall")),
        latency_(options.number("latency")),
        max_cycles_(options.number("max_cycles")),
        steps_(read_numbers(options.text("steps"))),
        random_(options.number("seed")) {
    context_.randReset(2);
    context_.randSeed(static_cast<int>(options.number("seed") % 1000000007u) + 1);
    context_.assertOn(false);  // Until reset has been applied.
    top_ = std::make_unique<Vtop>(&context_);
    reset();
    memory_.regions[kProgram] = read_file(options.text("program"));
    memory_.regions[kWeights] = read_file(options.text("weights"));
    memory_.regions[kArena].resize(options.number("arena_bytes"));
    for (auto &byte : memory_.regions[kArena]) byte = static_cast<uint8_t>(random_.next());
  }

  ~Simulation() { top_->final(); }

  // Runs the program once; false after an error or too many cycles.
  bool run(const Bytes &input, Bytes &output) {
    memory_.regions[kInput] = input;
    memory_.regions[kOutput].assign(options_.number("output_bytes"), 0);
    runs_.emplace_back();
    program_at_ = 0;
    step_instruction_ = 0;
    step_count_ = 0;
    begin_ = kNever;
    while (!finished()) {
      if (cycle_ - run_began_ > max_cycles_) {
        timeout_ = true;
        return false;
      }
      tick();
      if (top_->error_o) return false;
    }
    run_began_ = cycle_;
    output.insert(output.end(), memory_.regions[kOutput].begin(), memory_.regions[kOutput].end());
    return true;
  }

  void bus_error(const std::string &what) { bus_error_ = what; }

  void write_trace(const std::string &path) const {
    std::ofstream out(path);
    out << "{\"error_code\":" << int{top_->error_o ? top_->error_code_o : 0} << ",\"error_index\":" << top_->error_index_o
        << ",\"error_detail\":" << int{top_->error_detail_o} << ",\"timeout\":" << (timeout_ ? "true" : "false")
        << ",\"bus_error\":\"" << bus_error_ << "\",\"cycles\":" << cycle_ << ",\"runs\":[";
    for (size_t i = 0; i < runs_.size(); ++i) {
      const Run &run = runs_[i];
      out << (i ? "," : "") << "\n{\"first_input\":" << run.first_input << ",\"last_output\":" << run.last_output
          << ",\"done\":" << run.done;
      write_queues(out, "starts", run.starts);
      write_queues(out, "finishes", run.finishes);
      out << ",\"steps\":[";
      for (size_t k = 0; k < run.steps.size(); ++k) {
        out << (k ? "," : "") << '[' << run.steps[k].first << ',' << run.steps[k].second << ']';
      }
      out << "]}";
    }
    out << "]}\n";
  }

 private:
  static void write_queues(std::ofstream &out, const char *name, const std::vector<uint64_t> (&queues)[kQueues]) {
    out << ",\"" << name << "\":[";
    for (int q = 0; q < kQueues; ++q) {
      out << (q ? ",[" : "[");
      for (size_t k = 0; k < queues[q].size(); ++k) out << (k ? "," : "") << queues[q][k];
      out << ']';
    }
    out << ']';
  }

  void reset() {
    top_->rst_ni = 0;
    top_->inst_valid_i = top_->ld_valid_i = top_->wt_valid_i = top_->st_ready_i = top_->cmd_ready_i = 0;
    top_->st_done_i = stored_ = false;
    for (int i = 0; i < 4; ++i) {
      clock(0);
      clock(1);
    }
    top_->rst_ni = 1;
    context_.assertOn(true);
    beat_bytes_ = top_->beat_bytes_o;
    for (auto &rows : rows_) rows = std::make_unique<Rows>(memory_, beat_bytes_);
  }

  void clock(int level) {
    top_->clk_i = level;
    top_->eval();
    context_.timeInc(1);
  }

  bool finished() const { return runs_.back().done != kNever && rows_[kStore]->idle(); }

  template <typename Wide>
  void drive(Wide &port, const uint8_t *data, unsigned count) {
    uint32_t words[8];
    for (auto &word : words) word = random_.next();
    std::memcpy(words, data, count);
    for (int i = 0; i < 8; ++i) port[i] = words[i];
  }

  // A beat that is offered stays until it is taken; then the next one follows, if there is one and the dice allow it.
  // True if a new beat begins.
  bool next_beat(CData &valid, bool &taken, bool available) {
    if (valid && !taken) return false;
    taken = false;
    valid = available && !random_.chance(stall_);
    return valid;
  }

  void tick() {
    drive_inputs();
    clock(0);
    observe();
    clock(1);
    ++cycle_;
  }

  void drive_inputs() {
    const Bytes &program = memory_.regions[kProgram];
    if (next_beat(top_->inst_valid_i, inst_taken_, program_at_ < program.size())) {
      const unsigned count = std::min<size_t>(beat_bytes_, program.size() - program_at_);
      drive(top_->inst_data_i, program.data() + program_at_, count);
      top_->inst_last_i = program_at_ + beat_bytes_ >= program.size();
    }
    if (next_beat(top_->ld_valid_i, ld_taken_, rows_[kLoad]->ready(cycle_))) {
      drive(top_->ld_data_i, rows_[kLoad]->data("load"), rows_[kLoad]->count());
    }
    if (next_beat(top_->wt_valid_i, wt_taken_, rows_[kWeight]->ready(cycle_))) {
      drive(top_->wt_data_i, rows_[kWeight]->data("weights"), rows_[kWeight]->count());
    }
    top_->st_ready_i = rows_[kStore]->ready(cycle_) && !random_.chance(stall_);
    top_->st_done_i = stored_;
    stored_ = false;
    unsigned ready = 0;
    for (int c = 0; c < kChannels; ++c) ready |= unsigned{!random_.chance(stall_)} << c;
    top_->cmd_ready_i = ready;
  }

  void observe() {
    Run &run = runs_.back();
    if (top_->inst_valid_i && top_->inst_ready_o) {
      if (begin_ == kNever) begin_ = static_cast<int64_t>(cycle_);
      program_at_ += beat_bytes_;
      inst_taken_ = true;
    }
    const int64_t now = begin_ == kNever ? 0 : static_cast<int64_t>(cycle_) - begin_;

    // done_o may still be that of the run before, until the first beat has been taken.
    if (top_->done_o && now > 0 && run.done == kNever) run.done = now;
    for (int q = 0; q < kQueues; ++q) {
      if (top_->start_o >> q & 1) run.starts[q].push_back(now);
      if (top_->finish_o >> q & 1) run.finishes[q].push_back(now);
    }
    if (top_->step_o) observe_step(run, now);

    observe_data(run, now);
    for (int c = 0; c < kChannels; ++c) {
      if ((top_->cmd_valid_o & top_->cmd_ready_i) >> c & 1) rows_[c]->push(command(c));
    }
  }

  void observe_data(Run &run, int64_t now) {
    if (top_->ld_valid_i && top_->ld_ready_o) {
      if (run.first_input == kNever && rows_[kLoad]->base() == kInput) run.first_input = now;
      rows_[kLoad]->advance();
      ld_taken_ = true;
    }
    if (top_->wt_valid_i && top_->wt_ready_o) {
      rows_[kWeight]->advance();
      wt_taken_ = true;
    }
    if (top_->st_valid_o && top_->st_ready_i) {
      Rows &rows = *rows_[kStore];
      if (static_cast<bool>(top_->st_last_o) != rows.row_last()) throw BusError("store: tlast is not at the end of the row");
      uint32_t words[8];
      for (int i = 0; i < 8; ++i) words[i] = top_->st_data_o[i];
      std::memcpy(rows.data("store"), words, rows.count());
      if (rows.base() == kOutput) run.last_output = now;
      stored_ = rows.advance();
    }
  }

  void observe_step(Run &run, int64_t now) {
    if (step_instruction_ >= steps_.size()) return;
    if (step_count_ == 0) run.steps.emplace_back(now, now);
    run.steps.back().second = now;
    if (++step_count_ < steps_[step_instruction_]) return;
    step_count_ = 0;
    ++step_instruction_;
  }

  Command command(int c) {
    const uint64_t wait = latency_ + (stall_ > 0 ? random_.next() % (latency_ + 16) : 0);
    return Command{
        static_cast<unsigned>(top_->cmd_base_o >> (3 * c) & 7), top_->cmd_offset_o[c],
        static_cast<uint32_t>(top_->cmd_rows_o >> (16 * c) & 0xFFFF), top_->cmd_row_bytes_o[c],
        top_->cmd_row_stride_o[c], cycle_ + 1 + wait};
  }

  const Options &options_;
  const double stall_;
  const uint64_t latency_, max_cycles_;
  const std::vector<int64_t> steps_;
  Random random_;
  VerilatedContext context_;
  std::unique_ptr<Vtop> top_;
  Memory memory_;
  std::unique_ptr<Rows> rows_[kChannels];
  unsigned beat_bytes_ = 0;
  size_t program_at_ = 0, step_instruction_ = 0;
  int64_t step_count_ = 0, begin_ = kNever;
  uint64_t cycle_ = 0, run_began_ = 0;
  bool inst_taken_ = false, ld_taken_ = false, wt_taken_ = false, stored_ = false;
  bool timeout_ = false;
  std::string bus_error_;
  std::vector<Run> runs_;
};

}  // namespace

int main(int argc, char **argv) {
  try {
    Options options;
    for (int i = 1; i < argc; ++i) {
      const std::string argument = argv[i];
      const size_t equals = argument.find('=');
      if (equals == std::string::npos) throw std::runtime_error("expected name=value, got " + argument);
      options.values[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
    const uint64_t runs = options.number("runs");
    const Bytes inputs = read_file(options.text("input"));
    const size_t input_bytes = inputs.size() / runs;
    Simulation simulation(options);
    Bytes output;
    try {
      for (uint64_t i = 0; i < runs; ++i) {
        const auto begin = inputs.begin() + static_cast<std::ptrdiff_t>(i * input_bytes);
        if (!simulation.run(Bytes(begin, begin + static_cast<std::ptrdiff_t>(input_bytes)), output)) break;
        std::printf("run %llu\n", static_cast<unsigned long long>(i));
        std::fflush(stdout);
      }
    } catch (const BusError &error) {
      simulation.bus_error(error.what());
    }
    std::ofstream(options.text("output"), std::ios::binary)
        .write(reinterpret_cast<const char *>(output.data()), static_cast<std::streamsize>(output.size()));
    simulation.write_trace(options.text("trace"));
    return 0;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "dsf_sim_top: %s\n", error.what());
    return 2;
  }
}
