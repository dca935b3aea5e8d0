"""gdb command for corbel: `corbel fibers [NAME]` shows every parked fiber of every loop with its backtrace.

    gdb -x tools/gdb/corbel.py -p PID        (or with a core file)
    (gdb) corbel fibers

A parked fiber's registers lie where src/rt/context.c left them: at `context.inside`, in the layout of Boost.Context's
jump_fcontext. Its frames are found by following frame pointers, with which corbel is built: so this reads memory only,
works on core files, and leaves gdb's own idea of the threads alone.
"""

import gdb

# Offsets from context.inside: the saved frame pointer and the address at which the fiber goes on.
SAVED = {"i386:x86-64": (0x30, 0x38), "aarch64": (0x90, 0xA0)}
FRAMES_MAX = 64
STATES = {0: "ready", 1: "running", 2: "parked"}


def read_word(address):
    return int(gdb.Value(address).cast(gdb.lookup_type("unsigned long").pointer()).dereference())


def describe(pc):
    """`function at file:line` of a return address, which points behind its call."""
    call = pc - 1
    block = gdb.block_for_pc(call)
    while block is not None and block.function is None:
        block = block.superblock
    name = block.function.print_name if block is not None else None
    place = gdb.find_pc_line(call)
    if name and place.symtab:
        return f"{name} at {place.symtab.filename}:{place.line}"
    return gdb.execute(f"info symbol {call:#x}", to_string=True).strip()


def backtrace(fiber):
    """Return addresses, innermost first; ends at the edge of the fiber's stack."""
    architecture = gdb.selected_inferior().architecture().name()
    if architecture not in SAVED:
        raise gdb.GdbError(f"corbel: no layout of saved registers for {architecture}")
    frame_offset, pc_offset = SAVED[architecture]
    context = fiber["context"]
    low, size = int(context["low"]), int(context["size"])
    saved = int(context["inside"])
    frame, pc = read_word(saved + frame_offset), read_word(saved + pc_offset)
    for _ in range(FRAMES_MAX):
        yield pc
        if not low <= frame < low + size - 16:
            return
        frame, pc = read_word(frame), read_word(frame + 8)
        if pc == 0:
            return


def each_loop():
    runtime = gdb.lookup_static_symbol("runtime_first")
    if runtime is None:
        raise gdb.GdbError("corbel: no runtime here (is the program built with debug information?)")
    runtime = runtime.value()
    while int(runtime):
        for index in range(int(runtime["count"])):
            yield runtime["loops"][index]
        runtime = runtime["next"]


def each_fiber(loop):
    fiber = loop["live"]
    while int(fiber):
        yield fiber.dereference()
        fiber = fiber["live_next"]


class Corbel(gdb.Command):
    """Commands for corbel's runtime."""

    def __init__(self):
        super().__init__("corbel", gdb.COMMAND_STACK, prefix=True)


class CorbelFibers(gdb.Command):
    """corbel fibers [NAME]: every fiber (of that name), and where it is parked."""

    def __init__(self):
        super().__init__("corbel fibers", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        count = 0
        for loop in each_loop():
            for fiber in each_fiber(loop):
                name = fiber["name"].string()
                if argument and name != argument:
                    continue
                count += 1
                state = STATES.get(int(fiber["state"]), "?")
                print(f'loop {int(loop["index"])} fiber {int(fiber.address):#x} "{name}" {state}')
                if state == "running":
                    print("    (on its thread: see `thread apply all backtrace`)")
                    continue
                for depth, pc in enumerate(backtrace(fiber)):
                    print(f"    #{depth} {pc:#x} {describe(pc)}")
        print(f"{count} fibers")


Corbel()
CorbelFibers()
