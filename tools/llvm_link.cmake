# dragoman_link: what an executable that contains the core links with. LLVM statically, constructors deferred; one static non-PIE
# executable in the translator's own zone (runtime/zone.h), where no guest is linked, with room below for translated code (runtime/arena.c).
find_program(LLVM_CONFIG NAMES llvm-config-19 llvm-config-20 llvm-config-21 llvm-config-22 REQUIRED)
find_program(LLVM_OBJCOPY NAMES llvm-objcopy-19 llvm-objcopy-20 llvm-objcopy-21 llvm-objcopy-22 objcopy REQUIRED)
execute_process(
    COMMAND ${LLVM_CONFIG} --link-static --libfiles irreader x86codegen x86asmparser x86info x86desc x86disassembler orcjit passes
            aarch64info aarch64desc aarch64disassembler armdesc armdisassembler arminfo
    OUTPUT_VARIABLE llvm_archives OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(llvm_archives)
execute_process(COMMAND ${LLVM_CONFIG} --version OUTPUT_VARIABLE llvm_version OUTPUT_STRIP_TRAILING_WHITESPACE
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${LLVM_CONFIG} --includedir OUTPUT_VARIABLE LLVM_INCLUDE OUTPUT_STRIP_TRAILING_WHITESPACE)

# The C++ library is there for LLVM's sake alone, so its constructors (72 KiB for exceptions, locales) can wait, too.
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libstdc++.a
                OUTPUT_VARIABLE libstdcxx OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

set(deferred_dir ${CMAKE_BINARY_DIR}/llvm)
set(deferred)
foreach(archive IN LISTS llvm_archives)
    get_filename_component(name ${archive} NAME)
    list(APPEND deferred ${deferred_dir}/${name})
endforeach()
add_custom_command(
    OUTPUT ${deferred_dir}/done
    BYPRODUCTS ${deferred} ${deferred_dir}/libstdc++.a
    COMMAND ${CMAKE_COMMAND} -DOBJCOPY=${LLVM_OBJCOPY} -DOUT=${deferred_dir} "-DARCHIVES=${llvm_archives};${libstdcxx}" -P
            ${CMAKE_SOURCE_DIR}/tools/defer_ctors.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/tools/defer_ctors.cmake
    COMMENT "Deferring LLVM's static constructors"
    VERBATIM)
add_custom_target(deferred_llvm DEPENDS ${deferred_dir}/done)

# What contains the LLVM tier, static or (the unit tests, for cmocka's sake) not.
add_library(llvm_link INTERFACE)
add_dependencies(llvm_link deferred_llvm)
target_link_libraries(llvm_link INTERFACE core ${deferred} elf zstd z stdc++ rt dl pthread m)
target_link_options(llvm_link INTERFACE -fuse-ld=lld -Wl,--image-base=0x680070000000 -Wl,--gc-sections
                    -Wl,-O0) # strings as they come, not merged: those that a start needs lie together, not among all of LLVM's

# The compiler's start files for executables are for addresses of 32 bits: those for shared objects aren't.
foreach(file crt1.o crti.o crtbeginS.o crtendS.o crtn.o)
    execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=${file} OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE
                    COMMAND_ERROR_IS_FATAL ANY)
    list(APPEND start_files ${path})
endforeach()
list(SUBLIST start_files 0 3 first_files)
list(SUBLIST start_files 3 2 last_files)
target_link_options(llvm_link INTERFACE -nostartfiles ${first_files})
target_link_libraries(llvm_link INTERFACE ${last_files})

add_library(dragoman_link INTERFACE)
target_link_libraries(dragoman_link INTERFACE ${deferred_dir}/libstdc++.a llvm_link)
target_link_options(dragoman_link INTERFACE -Wl,--wrap=abort # a report instead: runtime/crash.c
                    -Wl,--wrap=__clone_internal -Wl,--wrap=__libc_sigaction # runtime/thread.c
                    -Wl,--build-id=sha1 # runtime/store.c
                    -Wl,-T,${CMAKE_SOURCE_DIR}/tools/llvm.ld)
set_property(TARGET dragoman_link APPEND PROPERTY INTERFACE_LINK_DEPENDS ${CMAKE_SOURCE_DIR}/tools/llvm.ld)
if(DRAGOMAN_SANITIZE) # the sanitizers' runtimes don't link statically; the address matters all the same
    target_link_options(dragoman_link INTERFACE -no-pie)
else()
    target_link_options(dragoman_link INTERFACE -static)
    target_sources(dragoman_link INTERFACE ${CMAKE_SOURCE_DIR}/tools/absent.c)
endif()
