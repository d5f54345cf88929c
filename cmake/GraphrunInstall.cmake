# Install rules; see runtime/CMakeLists.txt for the targets.
