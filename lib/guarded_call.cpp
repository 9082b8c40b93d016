// SPDX-License-Identifier: Apache-2.0
// The guarded call in assembly: it saves what a callee must preserve, notes its stack pointer and calls. The call frame
// information lets a walk of the stack pass through it.
#include "lib/guarded_call.hpp"

#ifndef __x86_64__
#error "tina: the guarded call is written for x86-64 only"
#endif

asm(R"(
    .pushsection .text
    .p2align 4
    .globl tina_guarded_call
    .hidden tina_guarded_call
    .type tina_guarded_call, @function
tina_guarded_call:
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %rbx
    .cfi_offset %rbx, -24
    pushq %r12
    .cfi_offset %r12, -32
    pushq %r13
    .cfi_offset %r13, -40
    pushq %r14
    .cfi_offset %r14, -48
    pushq %r15
    .cfi_offset %r15, -56
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdx)
    movq %rdi, %rax
    movq %rsi, %rdi
    callq *%rax
    xorl %eax, %eax
.Ltina_guarded_return:
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    .cfi_remember_state
    .cfi_def_cfa %rsp, 8
    retq
    .globl tina_guarded_landing
    .hidden tina_guarded_landing
    .type tina_guarded_landing, @function
tina_guarded_landing:
    .cfi_restore_state
    endbr64
    # RBP is whatever the abandoned code had in it; the stack pointer tells where it was saved.
    leaq 48(%rsp), %rbp
    fninit
    fldcw 4(%rsp)
    ldmxcsr (%rsp)
    jmp .Ltina_guarded_return
    .cfi_endproc
    .globl tina_guarded_end
    .hidden tina_guarded_end
    .type tina_guarded_end, @function
tina_guarded_end:
    .size tina_guarded_call, . - tina_guarded_call
    .popsection
)");
