# Copies LLVM's static archives with their constructors moved out of .init_array, into a section that lifter/llvm_init.c walks just
# before the first call into LLVM: a run that compiles nothing then doesn't pay for LLVM's ~400 static constructors.
#   cmake -DOBJCOPY=... -DOUT=DIR "-DARCHIVES=a.a;b.a" -P defer_ctors.cmake
file(MAKE_DIRECTORY ${OUT})
foreach(archive IN LISTS ARCHIVES)
    get_filename_component(name ${archive} NAME)
    if(NOT EXISTS ${OUT}/${name} OR ${archive} IS_NEWER_THAN ${OUT}/${name})
        execute_process(
            COMMAND ${OBJCOPY} --rename-section .init_array=llvm_ctors ${archive} ${OUT}/${name}.tmp
            COMMAND_ERROR_IS_FATAL ANY)
        file(RENAME ${OUT}/${name}.tmp ${OUT}/${name})
    endif()
endforeach()
file(TOUCH ${OUT}/done)
