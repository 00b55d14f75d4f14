#include "bootstrap/program.h"

int main(int argc, char** argv) { return gloo::bootstrap::RunProgram(argc, argv); }
