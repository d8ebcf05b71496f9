# Installing, and packages: `cmake --install DIR --prefix PREFIX`, `cpack --config DIR/CPackConfig.cmake`.
#
#   bin/dragoman                    the program
#   lib/dragoman/qemu-ISA           the same under qemu-user's name, for who expects qemu's command line
#   lib/dragoman/sysroot            makes a directory of Debian packages to run programs against
#   share/dragoman/bench/           what 'dragoman bench' builds
#   share/man/man1/, share/bash-completion/   made from the tables of commands and options
#   lib/binfmt.d/, share/binfmts/   registrations with the kernel, for systemd and for Debian's binfmt-support
#   share/doc/dragoman/             README.md, the docs, and copyright: the licences of all that is linked in
include(GNUInstallDirs)
install(TARGETS dragoman DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${CMAKE_BINARY_DIR}/package/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/package/dragoman.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        RENAME dragoman)
install(PROGRAMS ${CMAKE_SOURCE_DIR}/tools/sysroot DESTINATION lib/dragoman)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/tools/bench DESTINATION share/dragoman)
install(FILES ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")

file(STRINGS ${CMAKE_SOURCE_DIR}/frontend/guests.def guests REGEX "^GUEST")
foreach(guest IN LISTS guests)
    string(REGEX REPLACE "^GUEST\\(([a-z0-9_]+)\\).*" "\\1" isa ${guest})
    set(link ${CMAKE_BINARY_DIR}/package/qemu-${isa})
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/package)
    file(CREATE_LINK ../../${CMAKE_INSTALL_BINDIR}/dragoman ${link} SYMBOLIC)
    install(FILES ${link} DESTINATION lib/dragoman)
endforeach()

# Registrations name the program by its place once installed: CPack installs beneath a directory of its own, and a tarball, which ends
# up anywhere, has none.
install(CODE "
    string(REGEX REPLACE \"^.*/_CPack_Packages/[^/]*/[^/]*/[^/]*\" \"\" prefix \"\${CMAKE_INSTALL_PREFIX}\")
    set(to \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
    if(prefix)
        file(MAKE_DIRECTORY \${to}/lib/binfmt.d \${to}/share/binfmts)
        set(print $<TARGET_FILE:dragoman> binfmt print --interpreter \${prefix}/${CMAKE_INSTALL_BINDIR}/dragoman)
        execute_process(COMMAND \${print} --systemd --output \${to}/lib/binfmt.d COMMAND_ERROR_IS_FATAL ANY)
        execute_process(COMMAND \${print} --update-binfmts --output \${to}/share/binfmts COMMAND_ERROR_IS_FATAL ANY)
    endif()")

# Debian keeps each package's licence here; where they are not to be had, their names must do.
set(copyright ${CMAKE_BINARY_DIR}/package/copyright)
file(READ ${CMAKE_SOURCE_DIR}/LICENSE text)
file(WRITE ${copyright} "${text}")
cmake_path(GET libstdcxx PARENT_PATH gcc)
cmake_path(GET gcc FILENAME gcc)
string(REGEX MATCH "^[0-9]+" llvm ${llvm_version})
foreach(package llvm-${llvm}-dev libelf-dev libzstd-dev libxxhash-dev zlib1g-dev libc6-dev libstdc++-${gcc}-dev)
    file(APPEND ${copyright} "\n\n==== Statically linked: ${package} ====\n\n")
    if(EXISTS /usr/share/doc/${package}/copyright)
        file(READ /usr/share/doc/${package}/copyright text)
        file(APPEND ${copyright} "${text}")
    else()
        file(APPEND ${copyright} "See /usr/share/doc/${package}/copyright on a Debian system.\n")
    endif()
endforeach()
install(FILES ${copyright} DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR TGZ DEB)
set(CPACK_PACKAGE_NAME dragoman)
set(CPACK_PACKAGE_CONTACT "the dragoman project")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "runs Linux programs built for another processor")
set(CPACK_PACKAGE_DESCRIPTION "dragoman translates user programs of other processors with LLVM, at once or ahead of time.
It takes qemu-user's options and needs nothing that it doesn't contain.")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION otherosfs)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
# Registers where there is something to do it, and takes away what there is.
file(WRITE ${CMAKE_BINARY_DIR}/package/postinst "#!/bin/sh
set -e
[ \"$1\" = configure ] || exit 0
if command -v update-binfmts >/dev/null; then
    for file in /usr/share/binfmts/dragoman-*; do
        update-binfmts --import \"\${file##*/}\" || true
    done
elif [ -d /run/systemd/system ]; then
    systemctl restart systemd-binfmt.service || true
fi
")
file(WRITE ${CMAKE_BINARY_DIR}/package/prerm "#!/bin/sh
set -e
[ \"$1\" = remove ] || [ \"$1\" = deconfigure ] || exit 0
if command -v update-binfmts >/dev/null; then
    for file in /usr/share/binfmts/dragoman-*; do
        update-binfmts --package dragoman --remove \"\${file##*/}\" /usr/bin/dragoman || true
    done
fi
dragoman binfmt remove >/dev/null 2>&1 || true
")
file(CHMOD ${CMAKE_BINARY_DIR}/package/postinst ${CMAKE_BINARY_DIR}/package/prerm PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
     GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/package/postinst ${CMAKE_BINARY_DIR}/package/prerm)
set(CPACK_POST_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/tools/deb_size.cmake)
include(CPack)
