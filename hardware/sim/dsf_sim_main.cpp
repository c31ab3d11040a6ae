// SPDX-License-Identifier: Apache-2.0
//
// Runs a network on the Verilated engine as a board would: the C firmware (dsf/runtime/firmware/dsf.c) writes the registers,
// the DMAs fetch from a model of DRAM, the interrupt ends the run. A register access of the firmware moves the clock until
// AXI4-Lite has answered, waiting moves it until the interrupt. Driven by dsf/runtime/rtl.py; arguments are name=value:
//
//   program, weights, input   files; `input` holds the inputs of all runs, one after the other
//   load_program              file: what dsf_load runs once; empty if nothing
//   output                    file to write: the outputs of the runs that ended well
//   trace                     file to write: JSON, see write_trace
//   runs, output_bytes, arena_bytes, hash
//   max_cycles                of a run, rounded up to kIdleCycles; then the firmware's wait times out
//   stall, latency            see Timing
//   seed                      of the stalls, of addresses, and of everything that is not reset
//   interrupts                1: the interrupt ends a run; 0: polling
//   addresses                 of the regions of DRAM, base:address, separated by commas; otherwise new ones for each run
//   faults                    run:port:burst:response, separated by commas
//   aborts, resets            run:cycle, separated by commas: dsf_abort, or a reset of engine and bus, that long after start
//   steps                     file: array steps of each MATRIX instruction, one a line
//   checks, expected          files: what instructions write into feature memory, see Checks
//   wave                      file to write, VCD, if the model was built for it; may be missing
//   coverage                  file to write, if the model was built to count lines; may be missing

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "Vtop.h"
#include "Vtop__Dpi.h"
#include "dsf.h"
#include "dsf_sim_memory.h"
#include "dsf_sim_trace.h"
#include "verilated.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace sim {
namespace {

// Between two looks of the firmware while it waits.
constexpr unsigned kIdleCycles = 1024, kPollCycles = 16;
constexpr int kResetCycles = 4;

struct Options {
  std::map<std::string, std::string> values;

  bool has(const std::string &name) const { return values.count(name) != 0; }
  const std::string &text(const std::string &name) const {
    const auto found = values.find(name);
    if (found == values.end()) throw std::runtime_error("missing argument " + name);
    return found->second;
  }
  uint64_t number(const std::string &name) const { return std::stoull(text(name)); }
  double real(const std::string &name) const { return std::stod(text(name)); }

  // "1:2,3:4" is {{1, 2}, {3, 4}}.
  std::vector<std::vector<uint64_t>> tuples(const std::string &name) const {
    std::vector<std::vector<uint64_t>> found;
    std::istringstream all(text(name));
    for (std::string one; std::getline(all, one, ',');) {
      found.emplace_back();
      std::istringstream parts(one);
      for (std::string part; std::getline(parts, part, ':');) found.back().push_back(std::stoull(part));
    }
    return found;
  }
};

Bytes read_file(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

// The cycle at which something happens in a run, by run.
std::map<uint64_t, uint64_t> cycles_by_run(const Options &options, const std::string &name) {
  std::map<uint64_t, uint64_t> found;
  for (const auto &one : options.tuples(name)) found[one.at(0)] = one.at(1);
  return found;
}

// The board: clock, reset, bus, memory.
class Board {
 public:
  explicit Board(const Options &options)
      : timing_{options.real("stall"), options.number("latency")},
        random_(options.number("seed")),
        top_(make_top(context_, options)),
        features_({top_->feat_arid, top_->feat_araddr, top_->feat_arlen, top_->feat_arvalid, top_->feat_arready, top_->feat_rid,
                   top_->feat_rdata, top_->feat_rresp, top_->feat_rlast, top_->feat_rvalid, top_->feat_rready},
                  {kFeaturePort, kInstructionPort}, memory_, timing_, random_),
        weights_({top_->wt_arid, top_->wt_araddr, top_->wt_arlen, top_->wt_arvalid, top_->wt_arready, top_->wt_rid,
                  top_->wt_rdata, top_->wt_rresp, top_->wt_rlast, top_->wt_rvalid, top_->wt_rready},
                 {kWeightPort}, memory_, timing_, random_),
        output_({top_->out_awaddr, top_->out_awlen, top_->out_awvalid, top_->out_awready, top_->out_wdata, top_->out_wstrb,
                 top_->out_wlast, top_->out_wvalid, top_->out_wready, top_->out_bresp, top_->out_bvalid, top_->out_bready},
                memory_, timing_, random_),
        trace_(read_numbers(options.text("steps")), Checks(options.text("checks"), options.text("expected"))),
        coverage_(options.has("coverage") ? options.text("coverage") : "") {
    open_wave(options);
    reset();
    svSetScope(svGetScopeFromName("TOP.dsf_sim_top"));
    trace_.set_word(top_->vec_len_o, top_->x_bits_o);
    const unsigned beat_bytes = top_->beat_bytes_o;
    features_.set_beat_bytes(beat_bytes);
    weights_.set_beat_bytes(beat_bytes);
    output_.set_beat_bytes(beat_bytes);
  }

  ~Board() {
    top_->final();
#if VM_TRACE
    if (wave_) wave_->close();
#endif
#if VM_COVERAGE
    if (!coverage_.empty()) context_.coveragep()->write(coverage_.c_str());
#endif
  }

  Memory &memory() { return memory_; }
  Trace &trace() { return trace_; }
  Random &random() { return random_; }
  bool stalls() const { return timing_.stall > 0; }
  uint64_t cycle() const { return cycle_; }
  bool interrupt() const { return top_->irq_o; }
  uint64_t accesses() const { return accesses_; }
  // Of data, on a port, in this run.
  uint64_t beats(Port port) const {
    const PortBase &owner = port == kOutputPort ? static_cast<const PortBase &>(output_) : port == kWeightPort ? weights_ : features_;
    return owner.beats(port);
  }

  // Of engine and bus together.
  void reset() {
    context_.assertOn(false);  // Assertions may look at what has not been reset.
    top_->rst_ni = 0;
    top_->s_axil_awvalid = top_->s_axil_wvalid = top_->s_axil_bready = top_->s_axil_arvalid = top_->s_axil_rready = 0;
    features_.reset();
    weights_.reset();
    output_.reset();
    for (int i = 0; i < kResetCycles; ++i) clock();
    top_->rst_ni = 1;
    context_.assertOn(true);
  }

  // `again`: what has happened in this run so far was its preparation.
  void begin_run(const Faults &faults, bool again) {
    features_.begin_run(faults);
    weights_.begin_run(faults);
    output_.begin_run(faults);
    trace_.begin_run(cycle_, again);
  }

  void tick() {
    features_.drive(cycle_);
    weights_.drive(cycle_);
    output_.drive(cycle_);
    edge(0);
    observe();
    edge(1);
    ++cycle_;
  }

  // AXI4-Lite, from the firmware's side; with stalls address, data and answer are held back at random.
  uint32_t read_register(uint32_t offset) {
    bool asked = false, answered = false;
    uint32_t value = 0;
    ++accesses_;
    top_->s_axil_araddr = static_cast<SData>(offset);
    while (!answered) {
      top_->s_axil_arvalid = !asked && (top_->s_axil_arvalid || offers());
      top_->s_axil_rready = offers();
      tick();
      asked |= lite_.ar;
      answered = lite_.r;
      value = lite_.rdata;
    }
    top_->s_axil_rready = 0;
    return value;
  }

  void write_register(uint32_t offset, uint32_t value) {
    bool addressed = false, sent = false, answered = false;
    ++accesses_;
    top_->s_axil_awaddr = static_cast<SData>(offset);
    top_->s_axil_wdata = value;
    while (!answered) {
      top_->s_axil_awvalid = !addressed && (top_->s_axil_awvalid || offers());
      top_->s_axil_wvalid = !sent && (top_->s_axil_wvalid || offers());
      top_->s_axil_bready = offers();
      tick();
      addressed |= lite_.aw;
      sent |= lite_.w;
      answered = lite_.b;
    }
    top_->s_axil_bready = 0;
  }

 private:
  static std::unique_ptr<Vtop> make_top(VerilatedContext &context, const Options &options) {
    context.randReset(2);
    context.randSeed(static_cast<int>(options.number("seed") % 1000000007u) + 1);
    context.assertOn(false);
#if VM_TRACE
    context.traceEverOn(true);
#endif
    return std::make_unique<Vtop>(&context);
  }

  void open_wave(const Options &options) {
    if (!options.has("wave")) return;
#if VM_TRACE
    wave_ = std::make_unique<VerilatedVcdC>();
    top_->trace(wave_.get(), 99);
    wave_->open(options.text("wave").c_str());
#else
    throw std::runtime_error("the model was built without waves");
#endif
  }

  void clock() {
    edge(0);
    edge(1);
  }

  void edge(int level) {
    top_->clk_i = level;
    top_->eval();
#if VM_TRACE
    if (wave_) wave_->dump(context_.time());
#endif
    context_.timeInc(1);
  }

  bool offers() { return !random_.chance(timing_.stall); }

  void observe() {
    Port port;
    uint64_t address;
    if (features_.observe(cycle_, port, address)) {
      if (port == kInstructionPort) trace_.instruction_beat(cycle_);
      if (port == kFeaturePort && overlaps(kInput, address)) trace_.input_beat(cycle_);
    }
    weights_.observe(cycle_, port, address);
    if (output_.observe(cycle_, address) && overlaps(kOutput, address)) trace_.output_beat(cycle_);
    lite_.aw = top_->s_axil_awvalid && top_->s_axil_awready;
    lite_.w = top_->s_axil_wvalid && top_->s_axil_wready;
    lite_.b = top_->s_axil_bvalid && top_->s_axil_bready;
    lite_.ar = top_->s_axil_arvalid && top_->s_axil_arready;
    lite_.r = top_->s_axil_rvalid && top_->s_axil_rready;
    lite_.rdata = top_->s_axil_rdata;
    if (top_->run_o) trace_.array(top_->array_o);
    if (top_->array_o == DSF_COUNT_MATRIX_STEPS) trace_.step(cycle_);
    if (top_->start_o) trace_.starts(cycle_, top_->start_o);
    if (top_->finish_o) trace_.finishes(cycle_, top_->finish_o, peek_);
  }

  bool overlaps(Base base, uint64_t address) const {
    const unsigned bytes = top_->beat_bytes_o;
    return memory_.holds(base, address) || memory_.holds(base, address + bytes - 1);
  }

  const Timing timing_;
  Random random_;
  Memory memory_;
  VerilatedContext context_;
  std::unique_ptr<Vtop> top_;
  ReadPort features_, weights_;
  WritePort output_;
  Trace trace_;
  const std::string coverage_;
  const Trace::Peek peek_ = [](uint32_t word, uint32_t *data) { dsf_peek(word, data); };
#if VM_TRACE
  std::unique_ptr<VerilatedVcdC> wave_;
#endif
  struct {
    bool aw, w, b, ar, r;
    uint32_t rdata;
  } lite_{};
  uint64_t cycle_ = 0, accesses_ = 0;
};

// The program that a processor would run, around the firmware.
class Processor {
 public:
  Processor(const Options &options, Board &board)
      : options_(options),
        board_(board),
        inputs_(read_file(options.text("input"))),
        aborts_(cycles_by_run(options, "aborts")),
        resets_(cycles_by_run(options, "resets")) {
    platform_.read = [](void *context, uint32_t offset) { return of(context).board_.read_register(offset); };
    platform_.write = [](void *context, uint32_t offset, uint32_t value) { of(context).board_.write_register(offset, value); };
    platform_.idle = [](void *context) { of(context).idle(); };
    platform_.context = this;
    platform_.interrupts = options.number("interrupts") != 0;
    const uint64_t polls = options.number("max_cycles") / (platform_.interrupts ? kIdleCycles : kPollCycles) + 2;
    platform_.max_polls = static_cast<uint32_t>(std::min<uint64_t>(polls, UINT32_MAX));

    Memory &memory = board.memory();
    memory[kProgram].data = read_file(options.text("program"));
    memory[kWeights].data = read_file(options.text("weights"));
    memory[kArena].data.resize(options.number("arena_bytes"));
    for (uint8_t &byte : memory[kArena].data) byte = static_cast<uint8_t>(board.random().next());
    memory[kLoadProgram].data = read_file(options.text("load_program"));
    for (const Base base : {kProgram, kWeights, kArena, kLoadProgram}) memory[base].address = address_of(base, 0);
  }

  // The outputs of the runs that ended well.
  Bytes run_all() {
    Bytes outputs;
    const uint64_t runs = options_.number("runs");
    for (run_ = 0; run_ < runs; ++run_) {
      const dsf_result result = run();
      board_.trace().end_run(result, engine_);
      if (board_.trace().mismatch()) break;
      if (result == DSF_OK) {
        const Bytes &output = board_.memory()[kOutput].data;
        outputs.insert(outputs.end(), output.begin(), output.end());
      }
      std::printf("run %" PRIu64 "\n", run_);
      std::fflush(stdout);
    }
    return outputs;
  }

 private:
  static Processor &of(void *context) { return *static_cast<Processor *>(context); }

  // Regions are far apart. With stalls they begin at any byte, otherwise on a page.
  uint64_t address_of(Base base, uint64_t run) {
    for (const auto &given : options_.tuples("addresses")) {
      if (given.at(0) == base) return given.at(1);
    }
    const uint64_t offset = board_.stalls() ? board_.random().next() % 65536 : run % 256 * 4096;
    return (uint64_t{base} + 1) << 40 | offset;
  }

  void place(Base base, Bytes data) {
    board_.memory()[base].data = std::move(data);
    board_.memory()[base].address = address_of(base, run_);
  }

  dsf_result load() {
    Memory &memory = board_.memory();
    network_ = dsf_network{};
    network_.hash = static_cast<uint32_t>(options_.number("hash"));
    network_.program = memory[kProgram].address;
    network_.program_bytes = static_cast<uint32_t>(memory[kProgram].data.size());
    network_.load_program = memory[kLoadProgram].address;
    network_.load_program_bytes = static_cast<uint32_t>(memory[kLoadProgram].data.size());
    network_.weights = memory[kWeights].address;
    network_.arena = memory[kArena].address;
    const dsf_result result = dsf_init(&engine_, &platform_);
    return result == DSF_OK ? dsf_load(&engine_, &network_) : result;
  }

  dsf_result run() {
    const size_t bytes = inputs_.size() / options_.number("runs");
    const auto begin = inputs_.begin() + static_cast<std::ptrdiff_t>(run_ * bytes);
    place(kInput, Bytes(begin, begin + static_cast<std::ptrdiff_t>(bytes)));
    place(kOutput, Bytes(options_.number("output_bytes")));
    board_.begin_run(faults(), false);
    if (engine_.network == nullptr) {
      const dsf_result result = load();
      board_.trace().set_loading(result != DSF_OK);
      if (result != DSF_OK) return result;
      const uint64_t load_cycles = dsf_cycles(&engine_);
      board_.begin_run(faults(), true);
      if (network_.load_program_bytes != 0) board_.trace().set_load_cycles(load_cycles);
    }
    board_.trace().begin_checks();
    reset_at_ = at(resets_);
    const uint64_t accesses = board_.accesses();
    dsf_result result = dsf_start(&engine_, board_.memory()[kInput].address, board_.memory()[kOutput].address);
    if (result != DSF_OK) return result;
    const uint64_t abort_at = at(aborts_);
    if (abort_at != UINT64_MAX) {
      while (board_.cycle() < abort_at) board_.tick();
      return dsf_abort(&engine_);
    }
    result = dsf_wait(&engine_);
    if (result == DSF_TIMEOUT) (void)dsf_abort(&engine_);
    if (result == DSF_OK) note_run(accesses);
    return result;
  }

  // A good run that has just ended; `accesses` is how many there were when it began.
  void note_run(uint64_t accesses) {
    Trace &trace = board_.trace();
    struct dsf_counters counters;
    trace.set_done(board_.cycle());
    trace.set_accesses(board_.accesses() - accesses);
    for (int port = 0; port < kPorts; ++port) trace.set_beats(static_cast<Port>(port), board_.beats(static_cast<Port>(port)));
    dsf_counters(&engine_, &counters);
    trace.set_counters(counters);
  }

  uint64_t at(const std::map<uint64_t, uint64_t> &cycles) const {
    const auto found = cycles.find(run_);
    return found == cycles.end() ? UINT64_MAX : board_.cycle() + found->second;
  }

  Faults faults() const {
    Faults found;
    for (const auto &one : options_.tuples("faults")) {
      if (one.at(0) == run_) found[{static_cast<Port>(one.at(1)), one.at(2)}] = static_cast<Response>(one.at(3));
    }
    return found;
  }

  // Sleeps until the interrupt, whose handler runs, or for a while.
  void idle() {
    const unsigned cycles = platform_.interrupts ? kIdleCycles : kPollCycles;
    for (unsigned i = 0; i < cycles; ++i) {
      if (platform_.interrupts && board_.interrupt()) {
        (void)dsf_interrupt(&engine_);
        return;
      }
      if (board_.cycle() >= reset_at_) {
        reset_at_ = UINT64_MAX;
        board_.reset();
      }
      board_.tick();
    }
  }

  const Options &options_;
  Board &board_;
  const Bytes inputs_;
  const std::map<uint64_t, uint64_t> aborts_, resets_;
  uint64_t run_ = 0, reset_at_ = UINT64_MAX;
  dsf_platform platform_{};
  dsf_network network_{};
  struct dsf engine_ {};
};

int simulate(const Options &options) {
  Board board(options);
  Processor processor(options, board);
  const Bytes outputs = processor.run_all();
  std::ofstream(options.text("output"), std::ios::binary)
      .write(reinterpret_cast<const char *>(outputs.data()), static_cast<std::streamsize>(outputs.size()));
  std::ofstream trace(options.text("trace"));
  board.trace().write(trace, board.cycle());
  return 0;
}

}  // namespace
}  // namespace sim

int main(int argc, char **argv) {
  try {
    sim::Options options;
    for (int i = 1; i < argc; ++i) {
      const std::string argument = argv[i];
      const size_t equals = argument.find('=');
      if (equals == std::string::npos) throw std::runtime_error("expected name=value, got " + argument);
      options.values[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
    return sim::simulate(options);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "dsf_sim_top: %s\n", error.what());
    return 2;
  }
}
