# Completion of `idem` for bash.

_idem_options() {
    case $1 in
        append) echo "--atomic --expect" ;;
        import) echo "--batch --receipts" ;;
        export) echo "--stream --type --tag --correlation --since --until --from --to --limit --reverse --raw --with-data" ;;
        log) echo "--stream --type --tag --correlation --since --until --from --to --limit --reverse --follow --raw" ;;
        show) echo "--source" ;;
        why) echo "--source --event" ;;
        streams) ;;
        types) ;;
        projections) ;;
        state) echo "--at --diff --digest" ;;
        replay) echo "--digest" ;;
        rebuild) echo "--all-stale --dry-run --no-switch --restart --max-rate" ;;
        diff) ;;
        bisect) echo "--from" ;;
        checkpoint) echo "--at" ;;
        projection) echo "--rows --reason" ;;
        schema) echo "--upcast --dry-run" ;;
        verify) ;;
        stats) ;;
        backup) echo "--with-keys" ;;
        subjects) ;;
        erase) echo "--source --subject --readmit --yes" ;;
        restore) ;;
    esac
}

_idem() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local commands="append import export log show why streams types projections state replay rebuild diff \
bisect checkpoint projection schema verify stats backup subjects erase restore"
    local everywhere="--json --plugin --no-color --help"
    local command="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == --plugin ]] && { ((i++)); continue; }
        [[ ${COMP_WORDS[i]} != -* ]] && { command=${COMP_WORDS[i]}; break; }
    done
    COMPREPLY=()
    case $before in
        --expect) COMPREPLY=($(compgen -W "any no_stream stream_exists" -- "$word")); return ;;
        projection) COMPREPLY=($(compgen -W "switch drop check skip" -- "$word")); return ;;
        schema) COMPREPLY=($(compgen -W "add list check diff" -- "$word")); return ;;
        --plugin | --event | --upcast) COMPREPLY=($(compgen -f -- "$word")); return ;;
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$everywhere $(_idem_options "$command")" -- "$word"))
    elif [[ -z $command ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$word"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}

complete -o filenames -F _idem idem
